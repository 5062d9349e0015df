"""What a run of Pants does not compute again: its build configuration, its options, its plugins.

Pants collects the rules of all backends, and parses all options, twice in each run of a daemon
that has just done so. And it starts with a scheduler for nothing but installing `[GLOBAL].plugins`,
whose graph of rules takes a third of the start, also where there are none.

A change of a backend's source, or of a configuration file, ends the daemon. So what is kept here
needs no other invalidation than its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pants.build_graph.build_configuration import BuildConfiguration
    from pants.engine.internals.scheduler import Scheduler
    from pants.init.plugin_resolver import PluginResolver
    from pants.option.options_bootstrapper import OptionsBootstrapper


class _DeferredScheduler:
    """In place of a `BootstrapScheduler`: it is made when it is asked for, which is for plugins."""

    def __init__(self, create: Any, arguments: tuple[Any, ...]) -> None:
        self._create = create
        self._arguments = arguments
        self._scheduler: Scheduler | None = None

    @property
    def scheduler(self) -> Scheduler:
        if self._scheduler is None:
            created: Scheduler = self._create(*self._arguments).scheduler
            self._scheduler = created
        return self._scheduler


def start_without_plugins() -> None:
    """Make the scheduler that installs plugins where there are any, and only then."""
    from pants.init import options_initializer
    from pants.init.plugin_resolver import PluginResolver

    create: Any = options_initializer.create_bootstrap_scheduler
    resolve: Any = PluginResolver.resolve

    def resolve_any(self: PluginResolver, bootstrapper: OptionsBootstrapper, env: Any) -> Any:
        if bootstrapper.bootstrap_options.for_global_scope().plugins:
            return resolve(self, bootstrapper, env)
        return self._working_set

    vars(options_initializer)["create_bootstrap_scheduler"] = lambda *arguments: _DeferredScheduler(
        create, arguments
    )
    PluginResolver.resolve = resolve_any  # type: ignore[method-assign,assignment]


def keep_build_configuration() -> None:
    """Load the backends again only where others are asked for."""
    from pants.init import options_initializer

    load: Any = options_initializer._initialize_build_configuration
    kept: dict[tuple[Any, ...], BuildConfiguration] = {}

    def load_once(resolver: Any, bootstrapper: OptionsBootstrapper, env: Any) -> Any:
        options = bootstrapper.bootstrap_options.for_global_scope()
        if options.plugins_force_resolve:
            return load(resolver, bootstrapper, env)
        key = tuple(
            tuple(each) for each in (options.backend_packages, options.plugins, options.pythonpath)
        )
        if key not in kept:
            # The last ones only: a daemon may live for weeks.
            kept.clear()
            kept[key] = load(resolver, bootstrapper, env)
        return kept[key]

    vars(options_initializer)["_initialize_build_configuration"] = load_once


def _may_name_a_file(value: object) -> bool:
    """Whether the value of an option may be `@FILE`, whose content is the value."""
    if isinstance(value, Mapping):
        return any(map(_may_name_a_file, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_may_name_a_file, value))
    return isinstance(value, str) and (value.startswith("@") or "=@" in value)


def _is_same(one: OptionsBootstrapper, other: OptionsBootstrapper) -> bool:
    """Whether both give the same options. Pants compares their configuration by identity."""
    first, second = (
        (x.env_tuples, x.bootstrap_args, x.args, x.alias, x.config.values) for x in (one, other)
    )
    if first != second:
        return False
    files = (values.section_to_values for values in one.config.values)
    return not any(map(_may_name_a_file, (one.args, one.env, *files)))


def keep_options() -> None:
    """Parse the options again only where the command, its environment or a file has changed.

    Pants keeps all that it has computed from them, if they are the same object.
    """
    from pants.option.options_bootstrapper import OptionsBootstrapper as Bootstrapper

    create: Any = vars(Bootstrapper)["create"].__func__
    kept: dict[bool, OptionsBootstrapper] = {}

    def create_once(cls: Any, env: Any, args: Any, *, allow_pantsrc: bool) -> OptionsBootstrapper:
        created: OptionsBootstrapper = create(cls, env, args, allow_pantsrc=allow_pantsrc)
        last = kept.get(allow_pantsrc)
        if last is None or not _is_same(last, created):
            kept[allow_pantsrc] = last = created
        return last

    Bootstrapper.create = classmethod(create_once)  # type: ignore[method-assign,assignment]
