"""A chart's package from an OCI registry: two requests of the distribution protocol, no login.

The manifest under `<repository>/<chart>:<version>` names a layer of Helm's media type, and its
blob is the package (helm.sh/docs/topics/registries). Registries that ask for a token, also those
that hand one to anybody, are not supported.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

SCHEME: Final = "oci://"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
PACKAGE: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
# Where registries speak plain HTTP, as container tools have it; Helm needs --plain-http there.
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class OciError(ValueError):
    """What a registry says is no chart."""


class _Layer(BaseModel):
    media_type: str = Field(alias="mediaType")
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


class _Manifest(BaseModel):
    layers: list[_Layer]


def _base(repository: str, chart: str) -> str:
    parts = urlsplit(repository)
    scheme = "http" if parts.hostname in LOOPBACK else "https"
    path = "/".join(part for part in (parts.path.strip("/"), chart) if part)
    return f"{scheme}://{parts.netloc}/v2/{path}"


def manifest_url(repository: str, chart: str, version: str) -> str:
    """URL of a chart's manifest. A tag cannot hold +, and Helm writes _ for it."""
    return f"{_base(repository, chart)}/manifests/{version.replace('+', '_')}"


def blob_url(repository: str, chart: str, manifest: bytes) -> str:
    """URL of the package that a manifest names; raises OciError."""
    try:
        layers = _Manifest.model_validate_json(manifest).layers
    except ValidationError as error:
        raise OciError("its manifest is none") from error
    for layer in layers:
        if layer.media_type == PACKAGE:
            return f"{_base(repository, chart)}/blobs/{layer.digest}"
    raise OciError(f"it is no Helm chart: no layer is {PACKAGE}")
