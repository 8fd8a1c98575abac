"""Features: of any images, the same each time; a network of the user's own is the very one that is meant."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from geratriz.errors import ConfigError
from geratriz.images.data.images import Images
from geratriz.images.evaluate.features import ExtractorConfig, features_of
from geratriz.images.evaluate.trio import ImageTrio
from tests.images import shapes


@pytest.mark.parametrize("channels, size", [(1, 1280), (3, 1280), (4, 2560)])
def test_features_are_of_images_of_any_channels_and_the_same_each_time(channels: int, size: int) -> None:
    images = shapes(5, height=7, width=9, channels=channels)
    first, second = (features_of(images, ExtractorConfig()) for _ in range(2))
    assert first.shape == (5, size) and first.dtype == np.float32
    assert np.array_equal(first, second)


def test_colour_under_full_transparency_does_not_count_and_transparency_does() -> None:
    images = shapes(4, channels=4)
    clear = images.pixels[..., 3] == 0
    other = images.pixels.copy()
    other[clear, :3] = 200
    known = features_of(images, ExtractorConfig())
    assert np.array_equal(known, features_of(Images(other, images.schema, images.labels), ExtractorConfig()))
    other[..., 3] = 255
    assert not np.allclose(known, features_of(Images(other, images.schema, images.labels), ExtractorConfig()))


class Means(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


def saved(path: Path) -> str:
    torch.jit.script(Means()).save(str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_the_users_own_looks_at_the_images(tmp_path: Path) -> None:
    sha256 = saved(tmp_path / "means.pt")
    config = ExtractorConfig(path=tmp_path / "means.pt", sha256=sha256, size=32)
    assert features_of(shapes(3), config).shape == (3, 3)
    assert config.name == f"means-{sha256[:8]}@32"


@pytest.mark.filterwarnings("ignore")
def test_another_file_than_the_one_meant_is_refused(tmp_path: Path) -> None:
    sha256 = saved(tmp_path / "means.pt")
    for path, digest, words in (
        (tmp_path / "means.pt", "0" * 64, sha256),
        (tmp_path / "none.pt", sha256, "is not a file"),
    ):
        with pytest.raises(ConfigError, match=words):
            features_of(shapes(2), ExtractorConfig(path=path, sha256=digest))
    (tmp_path / "text.pt").write_text("none")
    digest = hashlib.sha256(b"none").hexdigest()
    with pytest.raises(ConfigError, match="not a TorchScript file"):
        features_of(shapes(2), ExtractorConfig(path=tmp_path / "text.pt", sha256=digest))


@pytest.mark.filterwarnings("ignore")
def test_what_runs_is_what_was_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "means.pt"
    sha256, read = saved(path), Path.read_bytes

    def swapped(self: Path) -> bytes:
        content = read(self)
        self.write_bytes(b"another one, put there after it was read")
        return content

    monkeypatch.setattr(Path, "read_bytes", swapped)
    assert features_of(shapes(3), ExtractorConfig(path=path, sha256=sha256, size=32)).shape == (3, 3)


@pytest.mark.parametrize("wrong", [{"path": Path("x")}, {"sha256": "0"}, {"size": 8}])
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ExtractorConfig(**wrong)  # type: ignore[arg-type]


def test_sides_are_cut_to_equal_size_and_trios_that_share_features_compute_none_twice() -> None:
    train, test, fresh = shapes(30), shapes(12, seed=1), shapes(9, seed=2)
    seen: dict[int, tuple[Images, np.ndarray]] = {}
    one = ImageTrio(train=train, test=test, synthetic=fresh, fresh=fresh, seen=seen)
    assert one.size == 9
    assert all(len(side) == 9 for side in one.cut.values())
    assert len(one.all_features("unseen")) == 21 == len(one.unseen)
    known = one.all_features("train")
    assert ImageTrio(train=train, test=test, synthetic=train, seen=seen).all_features("synthetic") is known
