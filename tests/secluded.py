"""Asks the Space's app in a network of its own, and prints what left that network, as a list in JSON.

    unshare --net python tests/secluded.py CLIP FOLDER LANDMARKER MODEL

Every address seems to be reached by a cable that leads nowhere, so even a first packet is seen.
"""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

from programs import Program
from serving import serve_space

#: All packets, whatever their protocol.
EVERY_PROTOCOL = 3

#: The way out, and where it ends.
OUT, END = "out", "nowhere"


def main(clip: Path, folder: Path, landmarker: Path, model: Path) -> None:
    for command in (
        "link set lo up",
        f"link add {OUT} type veth peer name {END}",
        f"address add 198.51.100.1/24 dev {OUT}",
        f"link set {OUT} up arp off",  # no neighbour has to answer before a packet is sent
        f"link set {END} up",
        f"route add default via 198.51.100.2 dev {OUT}",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    packets: list[str] = []
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(EVERY_PROTOCOL))
    listener.bind((END, EVERY_PROTOCOL))

    def listen() -> None:
        while True:
            packet = listener.recv(2048)
            if packet[0] >> 4 == 4:  # IPv4; the system itself looks for neighbours by IPv6
                packets.append(socket.inet_ntoa(packet[16:20]))

    threading.Thread(target=listen, daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"is it seen?", ("203.0.113.1", 9))
    with serve_space(folder, landmarker, model) as served:
        program = Program(served.address)
        answers = [program.recognize(clip.read_bytes())[0], program.recognize(b"#EXTM3U\nhttp://203.0.113.2/a.ts\n")[0]]
    json.dump({"answers": answers, "sent_to": packets}, sys.stdout)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
