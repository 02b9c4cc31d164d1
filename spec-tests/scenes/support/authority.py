"""A certificate authority of the scenes' own, and certificates good and bad.

SPDX-License-Identifier: Apache-2.0
"""
import ipaddress
import pathlib
import ssl
import subprocess


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def alternative(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name.strip('[]'))}"
    except ValueError:
        return f"DNS:{name}"


class Authority:
    def __init__(self, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate, self.key = folder / "ca.crt", folder / "ca.key"
        self._count = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", self.key, "-out", self.certificate, "-subj", "/CN=scene authority", "-days", "30")

    def issue(self, *names: str, expired: bool = False) -> tuple[pathlib.Path, pathlib.Path]:
        """The files of a new certificate for these names (or addresses), and of its key."""
        self._count += 1
        base = self.folder / f"certificate{self._count}"
        key, request, out = base.with_suffix(".key"), base.with_suffix(".csr"), base.with_suffix(".crt")
        extensions = base.with_suffix(".ext")
        extensions.write_text("subjectAltName=" + ",".join(map(alternative, names)) + "\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", key, "-out", request, "-subj", "/CN=peer")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-set_serial", self._count + 1, "-extfile", extensions, "-out", out,
                "-days", "-1" if expired else "5")
        return out, key

    def context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """What a server of these names (or addresses) speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*names, expired=expired))
        return context
