"""S3 as S3 itself is: behind TLS, with a certificate that its clients are told to trust."""

import ssl
from pathlib import Path
from typing import Any

import trustme

from tests.support.servers import MotoServer


class SecureMotoServer(MotoServer):
    """S3, with conditional writes, behind TLS. ``folder`` takes its certificates."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        self._authority, key, chain = folder / "authority.pem", folder / "key.pem", folder / "chain.pem"
        authority.cert_pem.write_to_path(str(self._authority))
        certificate.private_key_pem.write_to_path(str(key))
        certificate.cert_chain_pems[0].write_to_path(str(chain))
        super().__init__("--ssl-cert", str(chain), "--ssl-key", str(key))
        self.url = f"https://127.0.0.1:{self.port}"
        self.tls = ssl.create_default_context(cafile=str(self._authority))

    def options(self, url: str | None = None) -> dict[str, Any]:
        """Return storage_options for this server, or for a proxy before it."""
        return {**super().options(url), "client_kwargs": {"region_name": "us-east-1", "verify": str(self._authority)}}
