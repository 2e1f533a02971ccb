"""How a model is trained: one TOML file, checked, so that a run can be repeated."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from park.errors import ModelError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TileRecipe(_Part):
    """How training tiles are cut.

    Attributes:
        size_px: side of a tile.
        reference_class: class (of the labels) whose size tells the scale of a scene.
        reference_m: length of such a thing on the ground.
        gsd_range_m: finest and coarsest metres per pixel at which tiles are drawn.
        per_picture: tiles cut from each training picture.
        shadow_share: share of tiles that get simulated tree shadows.
        drawn_background_share: drawn tiles per training tile: roofs, bare ground, and ground
            with labelled things pasted onto it, a third each.
        relit_share: share of tiles in another light.
        coarse_share: share of tiles as a camera further away gives them once magnified.
    """

    size_px: int = Field(416, ge=128, le=1280, multiple_of=32)
    reference_class: str
    reference_m: float = Field(gt=0)
    gsd_range_m: tuple[float, float]
    per_picture: int = Field(12, ge=1)
    shadow_share: float = Field(0.4, ge=0, le=1)
    drawn_background_share: float = Field(0.1, ge=0, le=1)
    relit_share: float = Field(0.5, ge=0, le=1)
    coarse_share: float = Field(0.0, ge=0, le=1)

    @field_validator("gsd_range_m")
    @classmethod
    def _check_range(cls, range_m: tuple[float, float]) -> tuple[float, float]:
        if not 0 < range_m[0] <= range_m[1]:
            raise ValueError("give the finest, then the coarsest metres per pixel, above zero")
        return range_m


class PictureRecipe(_Part):
    """How labelled pictures are used that have splits of their own and no scale to be told.

    Attributes:
        size_px: side of what the network is given in training.
        train_splits: splits of the dataset to learn from ("train", "val", "test").
        validation_splits: splits to check on; never learned from.
        check_every: of the pictures to check on, every so many-th is looked at after an epoch.
        duplicate_bits: a picture to learn from is left out when its perceptual hash (64 bits)
            differs from that of a validation picture, or of its mirror image, in at most so
            many bits; None keeps all.
        crops: crops of `size_px` at the picture's own resolution per picture to learn from;
            0 for whole pictures, which the trainer fits into the size.
        per_dataset: crops from the pictures to learn from of each dataset, spread evenly over
            them, so that a large dataset does not drown a small one; None for `crops` of each.
        zoom_range: smallest and largest magnification of a crop.
        thing_px_range: a crop around a thing is magnified so that the thing's longer side lies
            here, as far as `zoom_range`'s largest allows; None to leave that to chance.
        background_around: names of labels that are not learned, around which crops of pictures
            without anything to learn are laid: ground of which it is known what stands there.
        copies: how often each whole picture is written, each time seen otherwise.
        relit_share: share of pictures in another light.
        inverted_share: share of pictures with black and white exchanged, as thermal cameras
            show heat as either.
        coarse_share: share of pictures as a camera further away gives them once magnified.
        coarse_factors: least and most that such pictures are coarser.
    """

    size_px: int = Field(416, ge=128, le=1280, multiple_of=32)
    train_splits: tuple[str, ...] = ("train",)
    validation_splits: tuple[str, ...] = ("val",)
    check_every: int = Field(1, ge=1)
    duplicate_bits: int | None = Field(6, ge=0, le=32)
    crops: int = Field(0, ge=0)
    per_dataset: int | None = Field(None, ge=1)
    zoom_range: tuple[float, float] = (1.0, 1.0)
    thing_px_range: tuple[float, float] | None = None
    background_around: tuple[str, ...] = ()
    copies: int = Field(1, ge=1)
    relit_share: float = Field(0.5, ge=0, le=1)
    inverted_share: float = Field(0.0, ge=0, le=1)
    coarse_share: float = Field(0.0, ge=0, le=1)
    coarse_factors: tuple[float, float] = (1.3, 2.5)

    @field_validator("zoom_range", "coarse_factors", "thing_px_range")
    @classmethod
    def _check_range(cls, limits: tuple[float, float] | None) -> tuple[float, float] | None:
        if limits is not None and not 0 < limits[0] <= limits[1]:
            raise ValueError("give the smaller, then the larger value, above zero")
        return limits

    @model_validator(mode="after")
    def _check_splits(self) -> Self:
        both = set(self.train_splits) & set(self.validation_splits)
        if both:
            raise ValueError(f"{sorted(both)} is both learned from and checked on")
        for name in ("per_dataset", "thing_px_range", "background_around"):
            if getattr(self, name) and not self.crops:
                raise ValueError(f"{name} is of crops, and `crops` is 0")
        return self


class FitRecipe(_Part):
    """The settings of the optimiser and of the trainer's own augmentation.

    Attributes:
        architecture: the network, as ultralytics names it.
        epochs: at most.
        patience: epochs without a better score after which training stops.
        batch: pictures in one step.
        nominal_batch: pictures between two updates of the weights, at least.
        lr0: first learning rate.
        optimizer: as ultralytics names it.
        warmup_epochs: over which the learning rate rises to `lr0`.
        warmup_bias_lr: where the learning rate of biases starts.
        seed: of everything random.
        scale: pictures are scaled by 1 - scale to 1 + scale.
        mosaic: share of pictures put together from four.
        whole_at_the_end: last epochs in which none are.
        degrees: pictures are turned by up to so much.
        flip_up_down: share of pictures stood on their head; 0.5 where the camera looks down.
        freeze_layers: first layers of the network that keep their starting weights.
        bfloat16: compute in bfloat16 where the processor has it; weights stay in 32 bits.
    """

    architecture: str = "yolov5n.yaml"
    epochs: int = Field(40, ge=1)
    patience: int = Field(15, ge=1)
    batch: int = Field(16, ge=1)
    nominal_batch: int = Field(64, ge=1)
    lr0: float = Field(0.001, gt=0)
    optimizer: str = "AdamW"
    warmup_epochs: float = Field(3.0, ge=0)
    warmup_bias_lr: float = Field(0.1, ge=0)
    seed: int = 7
    scale: float = Field(0.3, ge=0, le=0.9)
    mosaic: float = Field(0.5, ge=0, le=1)
    whole_at_the_end: int = Field(8, ge=0)
    degrees: float = Field(0.0, ge=0, le=180)
    flip_up_down: float = Field(0.5, ge=0, le=1)
    freeze_layers: int = Field(0, ge=0)
    bfloat16: bool = False


class Recipe(_Part):
    """Everything that decides what a training run gives, besides the data and the start.

    Attributes:
        name: of the model.
        classes: what the model will know.
        class_map: label name to model class; labels that are not here are left out.
        scenes: scene name to file name patterns; a picture belongs to the first that matches.
        validation_scenes: scenes that are never trained on.
        tiles: how tiles are cut from pictures whose scale can be told, split by scene; or
        pictures: how pictures are used that have splits of their own. One of the two.
    """

    name: str
    description: str = ""
    classes: tuple[str, ...] = Field(min_length=1)
    class_map: dict[str, str]
    scenes: dict[str, tuple[str, ...]] = {}
    validation_scenes: tuple[str, ...] = ()
    tiles: TileRecipe | None = None
    pictures: PictureRecipe | None = None
    fit: FitRecipe = FitRecipe()

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        unknown = set(self.class_map.values()) - set(self.classes)
        if unknown:
            raise ValueError(f"class_map leads to {sorted(unknown)}, not in classes")
        missing = set(self.validation_scenes) - set(self.scenes)
        if missing:
            raise ValueError(f"validation_scenes names {sorted(missing)}, not in scenes")
        if (self.tiles is None) == (self.pictures is None):
            raise ValueError("give either [tiles] or [pictures]")
        return self

    @property
    def size_px(self) -> int:
        """Side of what the network is given in training."""
        return self.tiles.size_px if self.tiles is not None else self.picture_rules.size_px

    @property
    def tile_rules(self) -> TileRecipe:
        """How tiles are cut; raises `ModelError` when the recipe uses pictures as they are."""
        if self.tiles is None:
            raise ModelError(f"recipe {self.name} has no [tiles]")
        return self.tiles

    @property
    def picture_rules(self) -> PictureRecipe:
        """How pictures are used; raises `ModelError` when the recipe cuts tiles."""
        if self.pictures is None:
            raise ModelError(f"recipe {self.name} has no [pictures]")
        return self.pictures

    def scene_of(self, picture: Path) -> str | None:
        """Return the scene that a picture belongs to, None when no pattern matches."""
        for scene, patterns in self.scenes.items():
            if any(fnmatch(picture.stem, pattern) for pattern in patterns):
                return scene
        return None


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe that is shipped (by its name) or a TOML file (by its path).

    Raises:
        ModelError: when there is none, or it is wrong; the message names the key.
    """
    path = Path(name_or_path)
    shipped = resources.files("vision.models") / "recipes" / f"{name_or_path}.toml"
    try:
        text = shipped.read_text("utf-8") if shipped.is_file() else path.read_text("utf-8")
    except OSError as error:
        known = ", ".join(sorted(shipped_recipes()))
        raise ModelError(
            f"no recipe {name_or_path!r}: neither a file nor one of {known} ({error.strerror})"
        ) from error
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"recipe {name_or_path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "the file"
        raise ModelError(f"recipe {name_or_path}, {place}: {first['msg']}") from error


def shipped_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with the project."""
    folder = resources.files("vision.models") / "recipes"
    return tuple(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml")))
