"""A real SLURM of two nodes: two slurmd on one machine, each with a name, a port, processors and GPUs of its own."""

import getpass
import signal
import socket

from one_node_slurm import CONFIG, Cluster, free_port

NAMES = ("first", "second")


class TwoNodes(Cluster):
    """As its parent, which has one node; `cpus`, `gpus` and `memory` are each node's."""

    def start(self) -> None:
        """Write the configuration, start the three daemons, wait until both nodes take jobs."""
        for name in ("controller", "devices", "programs"):
            (self.state / name).mkdir(parents=True)
        self.config.write_text(self._of_two())
        for number in range(self.gpus):
            (self.state / "devices" / f"nvidia{number}").symlink_to("/dev/null")
        device = f"{self.state}/devices/nvidia[0-{self.gpus - 1}]"
        (self.state / "gres.conf").write_text(f"NodeName={','.join(NAMES)} Name=gpu Type=fake File={device}\n")
        self._wrap()
        self.start_controller(fresh=True)
        for name in NAMES:
            self._daemon("slurmd", "-N", name)
        self.wait(lambda: self.run("sinfo", "-h", "-p", "cpu", "-o", "%T %D").strip() == "idle 2", 20, "idle nodes")

    def _of_two(self) -> str:
        """The configuration of one node, with each line that names it changed."""
        host = socket.gethostname().split(".")[0]
        told = {
            "host": host,
            "user": getpass.getuser(),
            "state": self.state,
            "controller_port": free_port(),
            "spool": self.spool,
        }
        sizes = {"cpus": self.cpus, "gpus": self.gpus, "memory": self.memory}
        lines = []
        for line in CONFIG.format(**told, **sizes, node_port=free_port()).splitlines():
            if line.startswith("NodeName="):
                rest = line.partition(" ")[2]
                lines += [f"NodeName={name} NodeHostname={host} Port={free_port()} {rest}" for name in NAMES]
            else:
                own = line.replace(str(self.spool), f"{self.spool}/%n").replace("/slurmd.", "/slurmd-%n.")
                lines.append(own.replace(f"Nodes={host} ", f"Nodes={','.join(NAMES)} "))
        return "\n".join(lines) + "\n"

    def stop(self) -> None:
        """As its parent; then the daemons of the nodes."""
        super().stop()
        for name in NAMES:
            self._end(f"slurmd-{name}", signal.SIGTERM)
        self._forget_spool()
