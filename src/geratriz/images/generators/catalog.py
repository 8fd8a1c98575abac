"""Catalog of the generators of images."""

from geratriz.fitting.catalog import Catalog

GENERATORS = Catalog(
    package="geratriz.images.generators",
    classes={"image_gan": "ImageGan", "image_vae": "ImageVae"},
    default="image_vae",
    makes="images",
)
