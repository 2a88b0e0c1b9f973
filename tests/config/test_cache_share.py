"""What a report may keep of its pixels, shared among its render jobs before there is an image."""

import pytest

from crossgen.config import derive
from crossgen.config.loading import load
from toys import ROOT

MINI = ROOT / "config" / "mini.yaml"


def changed(**changes):
    return load([MINI]).model_copy(update=changes)


def render_jobs(config):
    """(pool, shard, frame) of every job that may keep pixels."""
    shards = {pool.name: pool.shards for pool in config.pools}
    kept = [frame for frame in derive.frames(config) if frame.kind != "whole"]
    return [(name, n, f.size) for name in derive.tested_pools(config) for n in range(shards[name]) for f in kept]


@pytest.mark.parametrize("limit", [0.0, 2.0, 100.0])
def test_the_shares_come_to_the_limit_however_pools_are_cut(limit):
    config = changed(max_cache_gb=limit)
    cut = changed(max_cache_gb=limit, pools=tuple(pool.model_copy(update={"shards": 3}) for pool in load([MINI]).pools))
    for each in (config, cut):
        jobs = render_jobs(each)
        assert len(jobs) * derive.cache_share(each) == pytest.approx(limit)
    assert len(render_jobs(cut)) == 3 * len(render_jobs(config)) == 39


def test_whole_images_take_no_share():
    config = load([MINI])
    (recipe,) = config.recipes
    whole = recipe.model_copy(
        update={"name": "whole", "frame": recipe.frame.model_copy(update={"kind": "whole", "size": 32})}
    )
    more = config.experiments[0].model_copy(update={"name": "other", "recipe": "whole"})
    both = changed(recipes=(recipe, whole), experiments=(*config.experiments, more))
    assert len(derive.frames(both)) == 2
    assert derive.cache_share(both) == derive.cache_share(config) == config.max_cache_gb / 13


def test_the_mini_run_keeps_all_its_pixels_and_genimage_none():
    largest_pool = 172 * 96**2 * 3 * 9 / 1e9  # 172 reals are tested, under nine conditions
    assert derive.cache_share(load([MINI])) > largest_pool
    genimage = load([ROOT / "config" / "genimage.yaml"])
    assert derive.cache_share(genimage) == 0 and genimage.score_threads == 16
