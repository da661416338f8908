"""Rules of the file with which a node's pods wait for Multus, by the label that tells of it."""

from __future__ import annotations

from collections.abc import Iterator

from ..fail_closed import LABEL, mark, path
from ..findings import some
from .configuration import Configuration
from .live_nodes import selected
from .live_objects import Live, labels, name_of
from .registry import Hit, at, check


@check()
def fail_closed(live: Live, config: Configuration) -> Iterator[Hit]:
    if config.cluster is None:
        return
    place, conf_dir = ("cluster", "failClosed"), config.cluster.paths.conf_dir
    ours = selected(live, config)
    have = {name_of(node): labels(node)[LABEL] for node in live.nodes if LABEL in labels(node)}
    if config.cluster.fail_closed:
        lacking = [name_of(node) for node in ours if name_of(node) not in have]
        if lacking:
            yield at("fail-closed-missing", *place, names=some(lacking))
        elsewhere = {name: value for name, value in have.items() if value != mark(conf_dir)}
        if elsewhere:
            there = some(dict.fromkeys(elsewhere.values()))
            names, wanted = some(elsewhere), path(conf_dir)
            yield at("fail-closed-elsewhere", *place, names=names, there=there, wanted=wanted)
    elif have:
        yield at("fail-closed-unasked", *place, names=some(have), label=LABEL)
    alone = have.keys() - map(name_of, ours)
    if alone:
        yield at("fail-closed-without-multus", "nodeSelector", names=some(sorted(alone)))
