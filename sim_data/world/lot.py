"""A plot that is being built on, laid out as if its road were always in front of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sim_data.world.draft import Draft
from sim_data.world.records import Block, BlockUse, Rgb, RoofKind, Tree, TreeKind
from sim_data.world.spot import PointM, Spot


@dataclass(frozen=True, slots=True)
class Lot:
    """A plot being built on: its axes, with y away from the road that its gate is at.

    Attributes:
        draft: where everything goes.
        chance: of this plot alone, so that no plot depends on another.
        spot: axes; (0, 0) is a corner of the plot at the road.
        width_m: along the road.
        depth_m: away from it.
        plot_id: of the plot.
        number: of the plot, counted through the park.
        owner_zh: who owns it.
        owner_en: who owns it.
    """

    draft: Draft
    chance: random.Random
    spot: Spot
    width_m: float
    depth_m: float
    plot_id: str
    number: int
    owner_zh: str
    owner_en: str

    def building(
        self,
        rect: tuple[float, float, float, float],
        height_m: float,
        use: BlockUse,
        roof: RoofKind,
        colours: tuple[Rgb, Rgb],
        base_m: float = 0.0,
    ) -> Block:
        """Put up a building on a rectangle of the plot; colours are those of roof and walls."""
        x0, y0, x1, y1 = rect
        along_x = x1 - x0 >= y1 - y0
        block = Block(
            block_id=self.draft.next_id(f"{self.plot_id}-b"),
            plot_id=self.plot_id,
            area=self.spot.rect(x0, y0, x1, y1),
            height_m=round(height_m, 1),
            base_m=base_m,
            use=use,
            roof=roof,
            roof_rgb=colours[0],
            wall_rgb=colours[1],
            axis_deg=self.spot.heading_deg(90.0 if along_x else 0.0),
            texture=self.chance.randrange(1 << 30),
        )
        self.draft.blocks.append(block)
        return block

    def tree(self, x: float, y: float, size: float = 1.0, kind: TreeKind | None = None) -> None:
        """Plant a tree, smaller or larger than usual by a factor."""
        chance = self.chance
        east_m, north_m = self.spot.at(x + chance.uniform(-0.5, 0.5), y + chance.uniform(-0.5, 0.5))
        if kind is None:
            kind = TreeKind.BROAD if chance.random() < 0.8 else TreeKind.CONIFER
        radius_m = size * chance.uniform(1.5, 2.8) * (0.7 if kind is TreeKind.CONIFER else 1.0)
        height_m = radius_m * (3.4 if kind is TreeKind.CONIFER else 2.3)
        if kind is TreeKind.SHRUB:
            radius_m, height_m = 0.4 * radius_m, 0.5 * radius_m
        self.draft.trees.append(Tree(east_m, north_m, radius_m, height_m, kind))

    def row_of_trees(
        self, a: PointM, b: PointM, spacing_m: float = 8.0, gap: tuple[float, float] | None = None
    ) -> None:
        """Plant trees from a to b, with a gap in metres along the row where there is a gate."""
        length = ((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5
        count = int(length / spacing_m)
        for index in range(count):
            along = (index + 0.5) * length / count
            if (gap and gap[0] < along < gap[1]) or self.chance.random() < 0.08:
                continue
            share = along / length
            self.tree(a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
