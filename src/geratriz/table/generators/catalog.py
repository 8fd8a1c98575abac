"""Catalog of the generators of tables."""

from geratriz.fitting.catalog import Catalog

GENERATORS = Catalog(
    package="geratriz.table.generators",
    classes={"autoregressive": "Autoregressive", "ctgan": "Ctgan", "independent": "Independent", "tvae": "Tvae"},
    default="autoregressive",
    makes="tables",
)
