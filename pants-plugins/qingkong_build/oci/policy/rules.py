"""Judges an image: one process, cached like any other test."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.core.util_rules import source_files
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import (
    Digest,
    FileContent,
    MergeDigests,
    RemovePrefix,
    Snapshot,
)
from pants.engine.process import (
    FallibleProcessResult,
    ProcessCacheScope,
    ProcessResult,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from qingkong_build.oci.layout.rules import (
    IMAGE_VIEW,
    LayoutReader,
    LayoutReaderRequest,
    OciLayout,
    OciLayoutRequest,
    lockfile_globs,
    lockfile_paths,
)
from qingkong_build.oci.policy.subsystem import ImagePolicy
from qingkong_build.oci.policy.target_types import (
    ImagePolicyBaseLayersField,
    ImagePolicyDevelopmentResolvesField,
    ImagePolicyExtraRulesField,
    ImagePolicyImageField,
    ImagePolicyProductionResolvesField,
    ImagePolicyProfileField,
    ImagePolicyTimeoutField,
    ImagePolicyWaiversField,
)
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem
from qingkong_build.sandbox.rules import PexScriptRequest, ScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

_CHECK = Script(
    "qingkong_build.oci.policy",
    "check_image_policy",
    (
        "policy_judge",
        "policy_report",
        "policy_rule",
        "rules_account",
        "rules_config",
        "rules_content",
        "rules_distributions",
        "rules_files",
        "secret_scan",
    ),
    uses=(IMAGE_VIEW,),
)
_SOURCES = Script("qingkong_build.oci.policy", "package_sources")
_SPEC = "policy.json"
_REPORT = "report"
# Where pip and those that fetch for it are told about mirrors, too.
_ENVIRONMENT = (
    "PIP_CONFIG_FILE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_PROXY",
    "PIP_TRUSTED_HOST",
    "XDG_CONFIG_DIRS",
    *(
        variable
        for name in ("http_proxy", "https_proxy", "all_proxy")
        for variable in (name, name.upper())
    ),
)


@dataclass(frozen=True)
class ImagePolicyFieldSet(TestFieldSet):
    required_fields = (ImagePolicyImageField,)

    image: ImagePolicyImageField
    profile: ImagePolicyProfileField
    extra_rules: ImagePolicyExtraRulesField
    waivers: ImagePolicyWaiversField
    base_layers: ImagePolicyBaseLayersField
    production_resolves: ImagePolicyProductionResolvesField
    development_resolves: ImagePolicyDevelopmentResolvesField
    timeout: ImagePolicyTimeoutField

    @property
    def layout_request(self) -> OciLayoutRequest:
        return OciLayoutRequest(self.address, self.image.alias, self.image.value)

    def lockfiles(
        self, closure: ProductionClosureSubsystem, python_setup: PythonSetup
    ) -> tuple[list[str], list[str]]:
        """Those of what may ship, and those of what may not."""
        shipped, development = self.production_resolves, self.development_resolves
        address, production = self.address, closure.shipped(python_setup)
        tools, option = closure.development_resolves, "development_resolves"
        return (
            lockfile_paths(address, shipped, production, "resolves", python_setup),
            lockfile_paths(address, development, tools, option, python_setup),
        )


class ImagePolicyRequest(TestRequest):
    tool_subsystem = ImagePolicy  # type: ignore[assignment] # `skip` is an option, not a bool
    field_set_type = ImagePolicyFieldSet


@dataclass(frozen=True)
class PackageSources:
    """What `scripts/package_sources.py` finds on this machine."""

    exact: tuple[str, ...]
    hosts: tuple[str, ...]


@rule(desc="Find where this machine gets packages from", level=LogLevel.DEBUG)
async def find_package_sources(
    python_setup: PythonSetup, python_repos: PythonRepos
) -> PackageSources:
    given = [mapping.split("|")[1] for mapping in python_repos.path_mappings if "|" in mapping]
    given += python_repos.find_links
    if not python_repos.options.is_default("indexes"):
        given += python_repos.indexes
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _SOURCES,
            tuple(given),
            "Find where this machine gets packages from",
            InterpreterConstraints(python_setup.interpreter_constraints),
            env=await Get(EnvironmentVars, EnvironmentVarsRequest(_ENVIRONMENT)),
            level=LogLevel.DEBUG,
            # It reads the machine, not its inputs. What it finds is an input of the test, so that
            # a result from a cache is one for the same settings.
            cache_scope=ProcessCacheScope.PER_SESSION,
        ),
    )
    found = json.loads(result.stdout)
    return PackageSources(tuple(found["exact"]), tuple(found["hosts"]))


@rule(desc="Judge an image by its policy", level=LogLevel.DEBUG)
async def judge_image(
    batch: ImagePolicyRequest.Batch[ImagePolicyFieldSet, Any],
    image_policy: ImagePolicy,
    closure: ProductionClosureSubsystem,
    test_subsystem: TestSubsystem,
    python_setup: PythonSetup,
) -> TestResult:
    field_set = batch.single_element
    production, development = field_set.lockfiles(closure, python_setup)
    layout, sources, extra, lockfiles, tools = await MultiGet(
        Get(OciLayout, OciLayoutRequest, field_set.layout_request),
        Get(PackageSources),
        Get(SourceFiles, SourceFilesRequest([field_set.extra_rules])),
        Get(Digest, lockfile_globs([*production, *development])),
        Get(VenvPex, PexRequest, image_policy.to_pex_request()),
    )
    reader = await Get(LayoutReader, LayoutReaderRequest(layout, image_policy.python(python_setup)))
    inputs = (layout.digest, reader.digest, extra.snapshot.digest, lockfiles)
    spec = {
        "target": field_set.address.spec,
        "layout": layout.path,
        "profile": field_set.profile.value,
        "base_layers": field_set.base_layers.value,
        "extra_rules": extra.files,
        "waivers": dict(field_set.waivers.value or {}),
        "machine": {"exact": sources.exact, "hosts": sources.hosts},
        "production_lockfiles": production,
        "development_lockfiles": development,
    }
    report = os.path.join(_REPORT, f"{field_set.address.path_safe_spec}.xml")
    result = await Get(
        FallibleProcessResult,
        PexScriptRequest(
            _CHECK,
            (_SPEC, report),
            f"Judge the image of {field_set.address}",
            tools,
            files=(FileContent(_SPEC, json.dumps(spec, sort_keys=True).encode()),),
            digest=await Get(Digest, MergeDigests(inputs)),
            output_files=(report,),
            timeout_seconds=field_set.timeout.calculate_from_global_options(test_subsystem),
            level=LogLevel.DEBUG,
            cache_scope=(
                ProcessCacheScope.PER_SESSION
                if test_subsystem.force
                else ProcessCacheScope.SUCCESSFUL
            ),
        ),
    )
    reports = await Get(Snapshot, RemovePrefix(result.output_digest, _REPORT))
    return TestResult.from_fallible_process_result(
        result, field_set.address, test_subsystem.output, xml_results=reports
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *ImagePolicyRequest.rules(),
        *script_rules(),
        *source_files.rules(),
    )
