"""A SLURM of one node, this machine, with a GPU that is none: its daemons and files in one folder, gone with it."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
SYSTEMS = Path("/etc/slurm")  # where `srun` inside a job looks, whom the executor hides SLURM's variables from
PATIENCE = 60  # seconds for the node to come up
NODE = "node0"
CONFIGURATIONS = ("slurm.conf", "cgroup.conf", "gres.conf")

# From the manual page slurm.conf(5); cgroup v1 is named because it does without one, of which there may be none here.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_min_interval=1,defer
ReturnToService=2
MinJobAge=600
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
GresTypes=gpu
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 Gres=gpu:1 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def obstacle() -> str | None:
    """Why no cluster can be started here."""
    if absent := [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]:
        return f"not installed: {', '.join(absent)}"
    if (SYSTEMS / "slurm.conf").exists():
        return f"this machine has a SLURM already, {SYSTEMS}/slurm.conf"
    return None if os.access(SYSTEMS, os.W_OK) else f"{SYSTEMS} cannot be written"


class NotUp(Exception):
    """The daemons do not come up on this machine."""


class Cluster:
    """`environment` is for its clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"PATH": _path()}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Raises NotUp."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        (self.folder / "munge.key").chmod(0o400)
        text = CONFIGURATION.format(
            host=socket.gethostname(), node=NODE, folder=self.folder, cpus=os.cpu_count(), ports=_free_ports()
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (self.folder / "gres.conf").write_text(f"NodeName={NODE} Name=gpu File=/dev/null\n")
        for name in CONFIGURATIONS:
            (SYSTEMS / name).symlink_to(self.folder / name)
        files = [f"--{what}={self.folder}/munge.{what.split('-')[0]}" for what in ("socket", "key-file", "log-file")]
        seed, pid = f"--seed-file={self.folder}/munge.seed", f"--pid-file={self.folder}/munge.pid"
        self._start("munged", "--foreground", "--force", *files, seed, pid)
        self._wait_for((self.folder / "munge.socket").exists, "munged")
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D", "-N", NODE)
        self._wait_for(lambda: self.ask("sinfo", "--noheader", "--format=%T") == "idle", "the node")

    def stop(self) -> None:
        """End all, also what has come up of it."""
        self.ask("scancel", "--full", "--user=root")
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for name in CONFIGURATIONS:
            (SYSTEMS / name).unlink(missing_ok=True)

    def ask(self, *words: str) -> str:
        """What a client says."""
        said = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        return said.stdout.strip()

    def _start(self, *words: str) -> None:
        log = open(self.folder / f"{words[0]}.out", "wb")  # noqa: SIM115
        self._daemons.append(subprocess.Popen(words, env=self.environment, stdout=log, stderr=log))

    def _wait_for(self, ready, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self.folder.glob("*.out")))
            if time.monotonic() > end:
                raise NotUp(f"{what} did not come up\n{logs}")
            time.sleep(0.2)


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _free_ports() -> list[int]:
    holders = [socket.socket() for _ in range(2)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports
