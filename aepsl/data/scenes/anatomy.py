"""The six classes and their parts: a loud head, a quieter body, weak limbs."""

from collections.abc import Callable

import numpy as np

from aepsl.data.scenes.shapes import box, ellipse, polygon, rounded, stroke, turned
from aepsl.data.scenes.sprite import Piece
from aepsl.data.scenes.textures import (
    POOL,
    Colour,
    Paint,
    carriage,
    colour,
    feathers,
    gloss,
    mix,
    patches,
    plain,
    planks,
    pooled,
    tabby,
)

PARTS: tuple[str, ...] = ("none", "head", "body", "limb")
HEAD, BODY, LIMB = 1, 2, 3

BODY_PAINTS = {"bird": feathers, "boat": planks, "car": gloss, "cat": tabby, "cow": patches, "train": carriage}
FAVOURITES = {
    "bird": ("slate", "brown", "moss"), "boat": ("cream", "slate", "brown"), "car": ("mauve", "grey", "olive"),
    "cat": ("rust", "grey", "sand"), "cow": ("cream", "black", "sand"), "train": ("moss", "rust", "slate"),
}  # fmt: skip
LARGEST_TILT = {"bird": 0.3, "boat": 0.14, "car": 0.12, "cat": 0.2, "cow": 0.16, "train": 0.12}

_BLACK, _WHITE, _DARK = (28, 26, 28), (240, 238, 230), (62, 58, 58)


def pieces_of(name: str, *, ground: Colour, rng: np.random.Generator) -> list[Piece]:
    """One object of a class in its own frame; its body colour is the one of two draws farther from `ground`."""
    draws = [_body_colour(name, rng=rng) for _ in range(2)]
    base = max(draws, key=lambda drawn: float(np.abs(drawn - ground).sum()))
    dark = mix(base, colour(_BLACK, rng=rng), 0.85)
    light = mix(base, colour(_WHITE, rng=rng), 0.85)
    opposite = dark if base.mean() > 110 else light
    mark = mix(base, opposite, rng.uniform(0.3, 0.8))
    return _ANATOMIES[name](base, BODY_PAINTS[name](base, mark, rng=rng), rng)


def _body_colour(name: str, *, rng: np.random.Generator) -> Colour:
    if rng.random() < 0.6:
        return colour(POOL[rng.choice(FAVOURITES[name])], rng=rng, spread=20)
    return pooled(rng=rng)


def _bird(base: Colour, coat: Paint, rng: np.random.Generator) -> list[Piece]:
    red, yellow, dark, white = (colour(rgb, rng=rng) for rgb in ((214, 26, 36), (240, 196, 90), _BLACK, _WHITE))
    legs, feather = colour((150, 112, 84), rng=rng), mix(base, dark, rng.uniform(0.25, 0.5))
    x, y = rng.uniform(0.2, 0.25), rng.uniform(-0.23, -0.17)
    wing = polygon([(0.08, -0.12), (-0.06, -0.42), (-0.16, -0.38), (-0.2, -0.3), (-0.25, -0.24), (-0.2, -0.04)])
    tail = polygon([(-0.18, -0.05), (-0.48, -0.02), (-0.5, 0.04), (-0.47, 0.12), (-0.16, 0.1)])
    swing = rng.uniform(-0.08, 0.08)
    face = [
        (polygon([(x - 0.09, y - 0.02), (x - 0.13, y - 0.13), (x - 0.03, y - 0.11), (x + 0.01, y - 0.15),
                  (x + 0.05, y - 0.05)]), red),
        (polygon([(x + 0.05, y - 0.05), (x + 0.21, y + 0.02), (x + 0.05, y + 0.07)]), yellow),
        (ellipse(x, y, 0.092, 0.088), red),
        (ellipse(x + 0.025, y - 0.02, 0.042, 0.042), white),
        (ellipse(x + 0.032, y - 0.02, 0.023, 0.023), dark),
    ]  # fmt: skip
    return [
        Piece(LIMB, stroke([(-0.06, 0.1), (-0.09 + swing, 0.36)], start=0.085, end=0.07), plain(legs)),
        Piece(LIMB, stroke([(0.06, 0.1), (0.05 - swing, 0.36)], start=0.085, end=0.07), plain(legs)),
        Piece(LIMB, turned(tail, rng.uniform(-0.35, 0.3), about=(-0.18, 0.02)), plain(feather)),
        Piece(LIMB, turned(wing, rng.uniform(-0.3, 0.35), about=(-0.05, -0.08)), plain(feather)),
        Piece(BODY, ellipse(0.0, 0.0, rng.uniform(0.27, 0.3), rng.uniform(0.185, 0.21), tilt=-0.3), coat),
        *(Piece(HEAD, outline, plain(tone)) for outline, tone in face),
    ]


def _cat(base: Colour, coat: Paint, rng: np.random.Generator) -> list[Piece]:
    fur, green, pink = (colour(rgb, rng=rng) for rgb in ((248, 140, 24), (120, 222, 70), (240, 190, 160)))
    dark, white = colour(_BLACK, rng=rng), colour(_WHITE, rng=rng)
    leg = mix(base, dark, rng.uniform(0.1, 0.35))
    x, y = rng.uniform(0.29, 0.34), rng.uniform(-0.2, -0.14)
    face: list[tuple[np.ndarray, Colour]] = []
    for side in (-1, 1):
        ear = [(x + side * 0.102, y - 0.02), (x + side * 0.1, y - 0.155), (x + side * 0.02, y - 0.08)]
        inner = [(x + side * 0.088, y - 0.06), (x + side * 0.088, y - 0.12), (x + side * 0.05, y - 0.08)]
        face += [(polygon(ear), fur), (polygon(inner), pink)]
    face.append((ellipse(x, y, 0.112, 0.096), fur))
    face.append((ellipse(x, y + 0.05, 0.06, 0.04), white))
    for side in (-1, 1):
        face.append((ellipse(x + side * 0.046, y - 0.015, 0.034, 0.028), green))
        face.append((ellipse(x + side * 0.046, y - 0.015, 0.01, 0.026), dark))
    face.append((polygon([(x - 0.022, y + 0.025), (x + 0.022, y + 0.025), (x, y + 0.05)]), pink))
    trunk = [(-0.36, -0.06), (-0.18, -0.17), (0.14, -0.15), (0.32, -0.12), (0.32, 0.08), (0.04, 0.1), (-0.28, 0.17),
             (-0.39, 0.08)]  # fmt: skip
    curl = rng.uniform(-0.16, 0.12)
    tail = [(-0.3, 0.0), (-0.42, -0.06), (-0.47, -0.18), (-0.46 + curl / 2, -0.3), (-0.44 + curl, -0.38)]
    return [
        *_legs((-0.26, -0.14, 0.13, 0.24), top=0.03, foot=0.3, width=0.082, leg=leg, shoe=white, reach=0.06, rng=rng),
        Piece(LIMB, stroke(tail, start=0.08, end=0.075), plain(leg)),
        Piece(BODY, rounded(trunk), coat),
        *(Piece(HEAD, outline, plain(tone)) for outline, tone in face),
    ]


def _cow(base: Colour, coat: Paint, rng: np.random.Generator) -> list[Piece]:
    hide, white, pink = (colour(rgb, rng=rng) for rgb in ((40, 34, 36), _WHITE, (255, 104, 168)))
    horn, dark = colour((238, 214, 150), rng=rng), colour(_BLACK, rng=rng)
    leg = mix(base, dark, rng.uniform(0.1, 0.35))
    x, y, nod = 0.37, rng.uniform(-0.17, -0.06), rng.uniform(-0.25, 0.35)
    face = [
        (stroke([(x - 0.05, y - 0.06), (x - 0.1, y - 0.13), (x - 0.06, y - 0.19)], start=0.045, end=0.03), horn),
        (stroke([(x + 0.04, y - 0.07), (x + 0.1, y - 0.13), (x + 0.07, y - 0.19)], start=0.045, end=0.03), horn),
        (ellipse(x - 0.115, y - 0.045, 0.05, 0.026, tilt=0.3), hide),
        (rounded([(x - 0.1, y - 0.1), (x + 0.1, y - 0.1), (x + 0.075, y + 0.15), (x - 0.075, y + 0.15)]), hide),
        (rounded([(x - 0.025, y - 0.09), (x + 0.025, y - 0.09), (x + 0.045, y + 0.1), (x - 0.045, y + 0.1)]), white),
        (ellipse(x, y + 0.1, 0.078, 0.052), pink),
        (ellipse(x - 0.03, y + 0.1, 0.014, 0.016), dark),
        (ellipse(x + 0.03, y + 0.1, 0.014, 0.016), dark),
        (ellipse(x - 0.056, y - 0.02, 0.018, 0.018), white),
        (ellipse(x + 0.056, y - 0.02, 0.018, 0.018), white),
    ]
    trunk = [(-0.4, -0.2), (0.34, -0.19), (0.36, 0.04), (0.26, 0.14), (-0.3, 0.16), (-0.4, 0.1)]
    swish = rng.uniform(-0.05, 0.05)
    tail = [(-0.35, -0.12), (-0.43, -0.06), (-0.46 + swish, 0.08), (-0.46 + 2 * swish, 0.2)]
    return [
        *_legs((-0.3, -0.18, 0.14, 0.25), top=0.04, foot=0.34, width=0.086, leg=leg, shoe=dark, reach=0.04, rng=rng),
        Piece(LIMB, ellipse(-0.12, 0.13, 0.08, 0.05), plain(leg)),
        Piece(LIMB, stroke(tail, start=0.07, end=0.08), plain(leg)),
        Piece(BODY, rounded(trunk), coat),
        *(Piece(HEAD, turned(outline, nod, about=(0.3, -0.1)), plain(tone)) for outline, tone in face),
    ]


def _boat(base: Colour, coat: Paint, rng: np.random.Generator) -> list[Piece]:
    white, red, navy = (colour(rgb, rng=rng) for rgb in ((238, 226, 246), (150, 40, 200), (84, 20, 130)))
    timber, canvas = colour((128, 88, 56), rng=rng), pooled(rng=rng)
    x, top, step = rng.uniform(-0.24, -0.14), rng.uniform(-0.205, -0.18), rng.uniform(0.1, 0.16)
    cabin = [
        (polygon([(x - 0.09, top), (x + 0.08, top), (x + 0.1, -0.03), (x - 0.09, -0.03)]), white),
        (polygon([(x - 0.12, top - 0.035), (x + 0.11, top - 0.035), (x + 0.11, top + 0.025), (x - 0.12, top + 0.025)]),
         red),
        *((ellipse(x + shift, top + 0.085, 0.036, 0.036), navy) for shift in (-0.045, 0.05)),
    ]  # fmt: skip
    hull = polygon([(-0.47, -0.05), (0.2, -0.045), (0.52, -0.11), (0.44, 0.05), (0.34, 0.17), (-0.38, 0.17)])
    height = rng.uniform(-0.5, -0.44)
    return [
        Piece(LIMB, stroke([(-0.44, -0.1), (-0.47, 0.22)], start=0.065, end=0.085), plain(timber)),
        Piece(LIMB, stroke([(0.44, -0.07), (0.6, -0.14)], start=0.07, end=0.06), plain(timber)),
        Piece(LIMB, stroke([(step, height), (0.47, -0.08)], start=0.062, end=0.072), plain(canvas)),
        Piece(LIMB, stroke([(step, -0.02), (step, height)], start=0.072, end=0.062), plain(timber)),
        Piece(BODY, hull, coat),
        *(Piece(HEAD, outline, plain(tone)) for outline, tone in cabin),
    ]


def _car(base: Colour, coat: Paint, rng: np.random.Generator) -> list[Piece]:
    glass, glint, frame = (colour(rgb, rng=rng) for rgb in ((70, 196, 236), (236, 250, 255), (24, 24, 30)))
    tyre, hub, trim = colour(_DARK, rng=rng), colour((176, 176, 176), rng=rng), pooled(rng=rng)
    x, top, radius = rng.uniform(-0.12, 0.0), rng.uniform(-0.225, -0.205), rng.uniform(0.098, 0.112)
    cabin = [
        (polygon([(x - 0.2, -0.09), (x - 0.14, top), (x + 0.11, top), (x + 0.2, -0.09)]), frame),
        (polygon([(x - 0.175, -0.1), (x - 0.12, top + 0.025), (x - 0.025, top + 0.025), (x - 0.025, -0.1)]), glass),
        (polygon([(x + 0.01, -0.1), (x + 0.01, top + 0.025), (x + 0.095, top + 0.025), (x + 0.165, -0.1)]), glass),
        (polygon([(x - 0.12, -0.1), (x - 0.07, top + 0.025), (x - 0.045, top + 0.025), (x - 0.095, -0.1)]), glint),
        (polygon([(x + 0.04, -0.1), (x + 0.07, top + 0.025), (x + 0.09, top + 0.025), (x + 0.07, -0.1)]), glint),
    ]
    hull = rounded([(-0.5, -0.1), (0.26, -0.115), (0.5, -0.07), (0.51, 0.14), (-0.51, 0.14)], cuts=2)
    wheels = [ellipse(centre, 0.13, size, size) for centre in (-0.29, 0.29) for size in (radius, 0.45 * radius)]
    return [
        Piece(LIMB, stroke([(-0.5, 0.09), (-0.42, 0.1)], start=0.085, end=0.085), plain(trim)),
        Piece(LIMB, stroke([(0.5, 0.09), (0.42, 0.1)], start=0.085, end=0.085), plain(trim)),
        Piece(BODY, hull, coat),
        *(Piece(LIMB, outline, plain(tone)) for outline, tone in zip(wheels, (tyre, hub) * 2, strict=True)),
        *(Piece(HEAD, outline, plain(tone)) for outline, tone in cabin),
    ]


def _train(base: Colour, coat: Paint, rng: np.random.Generator) -> list[Piece]:
    yellow, black, lamp = (colour(rgb, rng=rng) for rgb in ((250, 206, 24), (22, 20, 24), (255, 252, 226)))
    steel, tyre = colour((104, 98, 96), rng=rng), colour(_DARK, rng=rng)
    left, top = rng.uniform(-0.52, -0.46), rng.uniform(-0.16, -0.135)
    nose = polygon([(0.34, top - 0.02), (0.44, top - 0.02), (0.5, -0.02), (0.5, 0.13), (0.34, 0.13)])

    def chevrons(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return mix(yellow, black, (x + np.abs(y - 0.03)) / 0.075 % 1 > 0.5)

    front = [(nose, chevrons), (polygon([(0.37, top + 0.005), (0.43, top + 0.005), (0.47, -0.045), (0.37, -0.045)]),
                                plain(black)), (ellipse(0.462, 0.03, 0.032, 0.032), plain(lamp))]  # fmt: skip
    wheels = [ellipse(centre, 0.17, 0.06, 0.06) for centre in np.linspace(left + 0.09, 0.38, 5)]
    chimney = rng.uniform(-0.3, 0.2)
    return [
        Piece(LIMB, stroke([(chimney, top + 0.03), (chimney, top - 0.09)], start=0.085, end=0.085), plain(steel)),
        *(Piece(LIMB, outline, plain(tyre)) for outline in wheels),
        Piece(LIMB, box(left + 0.03, 0.08, 0.42, 0.155), plain(steel)),
        Piece(BODY, box(left, top, 0.36, 0.105), coat),
        *(Piece(HEAD, outline, paint) for outline, paint in front),
    ]


def _legs(
    hips: tuple[float, ...], *, top: float, foot: float, width: float, leg: Colour, shoe: Colour, reach: float,
    rng: np.random.Generator,
) -> list[Piece]:  # fmt: skip
    """Four strokes, each with a foot of another colour, at a random stride of up to `reach`."""
    pieces = []
    for hip in hips:
        step = hip + rng.uniform(-reach, reach)
        pieces.append(Piece(LIMB, stroke([(hip, top), (step, foot)], start=width, end=width), plain(leg)))
        pieces.append(Piece(LIMB, ellipse(step, foot, width / 2, width / 2), plain(shoe)))
    return pieces


_ANATOMIES: dict[str, Callable[[Colour, Paint, np.random.Generator], list[Piece]]] = {
    "bird": _bird, "boat": _boat, "car": _car, "cat": _cat, "cow": _cow, "train": _train,
}  # fmt: skip
