"""A team's service, from its apps to an image that is judged and attested: docs/your-service.md.

Pants gives the names of targets to BUILD files, and takes no import in a prelude.
"""
# ruff: noqa: F821
# mypy: disable-error-code="name-defined"


def framework_waivers() -> "dict[str, str]":
    """What the policy's rules say of the framework's own files, with the reason to let it pass."""
    return {
        "QK-IMG-007:app/fastapp/conf/databases.py": (
            "An error's message shows what an address looks like, with 'password' for one."
        ),
    }


def service_strings(field: str, value: object) -> "list[str]":
    """A field of a service that has several strings, and not one: one is several letters."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        if value is None:
            fix = f"leave {field} out"
        else:
            texts = value if isinstance(value, (list, tuple)) else str(value).split()
            fix = f"write {field}={[str(each) for each in texts]}"
        raise TypeError(
            f"fastapp_service in {build_file_dir()}: {field}={value!r}: it is not the list of "
            f"strings that is expected. Fix: {fix}."
        )
    return list(value)


def check_service_alone(name: str) -> None:
    """One service a BUILD file: the names of its targets do not depend on its own."""
    # Pants has no other way to ask for what the file has declared so far.
    declared = {target.name for target in build_file_dir.__self__.parsed_targets()}
    names = ("runtime", "oci", "image", "policy", "attestations", "explain", "fleet")
    taken = [each for each in names if each in declared]
    if taken:
        raise ValueError(
            f"fastapp_service in {build_file_dir()}: name={name!r}: this BUILD file has a target "
            f"{taken[0]!r} already, and so has each service. Fix: one service a folder; move it to "
            f"a BUILD file of its own, e.g. services/{name}/BUILD."
        )


def fleet_entries(
    name: str,
    version: str,
    cmd: "list[str]",
    prefixes: "list[str]",
    port: int,
    settings: "list[str]",
    replicas: "tuple[int, int]",
    cpu: str,
    memory: str,
) -> None:
    """The target that writes what Docker Compose and Kubernetes have to know of a service.

    Its fields are an argument of the program, which checks them: nothing of it is in the image.
    """
    fields = {
        "folder": str(build_file_dir()),
        "name": name,
        "version": version,
        "cmd": cmd,
        "prefixes": prefixes,
        "port": port,
        "settings": settings,
        "replicas": replicas,
        "cpu": cpu,
        "memory": memory,
    }
    pex_binary(
        name="fleet",
        resolve="dev",
        entry_point="entries.fleet_entries",
        # Pex takes a single brace for the name of a value of its own.
        args=[repr(fields).replace("{", "{{").replace("}", "}}")],
        dependencies=["build-support/entries"],
        # A program to be run, and nothing to package.
        tags=["by-hand"],
    )


def fastapp_service(
    name: str,
    apps: "list[str]",
    version: str = "0.1.0",
    description: "str | None" = None,
    owner: "str | None" = None,
    cmd: "tuple[str, ...]" = ("python", "manage.py", "runserver-aio"),
    dependencies: "tuple[str, ...]" = (),
    wheels: "tuple[str, ...]" = (),
    env: "dict[str, str] | None" = None,
    labels: "dict[str, str] | None" = None,
    pex_layers: "dict[str, list[str]] | None" = None,
    repositories: "list[str] | None" = None,
    waivers: "dict[str, str] | None" = None,
    prefixes: "list[str] | None" = None,
    port: int = 8000,
    settings: "tuple[str, ...]" = (),
    replicas: "tuple[int, int]" = (2, 10),
    cpu: str = "250m",
    memory: str = "512Mi",
) -> None:
    """The targets of a service, whose image is the framework's with the team's code above it.

    `runtime` is the code, `oci` the image, `image` puts it into the container engine, `policy`
    judges it, `attestations` say what is in it, and `explain` why; `fleet` writes its entries for
    Docker Compose and Kubernetes. Only what the framework's image
    has not is added: sources, and requirements of `prod`.

    Args:
        name: of the image, which is tagged with the version and with `latest`.
        apps: the folders of its apps, e.g. `["src/apps/shop"]`.
        version: of the image, in its tag and its labels.
        description: in its labels.
        owner: who to ask, in its labels.
        cmd: what a container does that is given no command.
        dependencies: what else is loaded by name and not imported.
        wheels: `native_wheel` and `python_distribution` targets that are installed.
        env: more variables.
        labels: more labels.
        pex_layers: layers for requirements, as `oci_image` has them.
        repositories: where `pants publish` pushes the image.
        waivers: of rules of the policy, with a reason for each.
        prefixes: of the URLs of its apps; the names of their folders by default.
        port: on which it listens.
        settings: variables that whoever runs it has to set, e.g. `["QK_PAYMENT_URL"]`: it does
            not start without.
        replicas: the least and the most pods of it on Kubernetes.
        cpu: what a pod asks for, in thousandths of a processor.
        memory: what a container may have, in mebibytes.

    Raises:
        TypeError: one string in place of a list.
        ValueError: no app, or a second service in the BUILD file.
    """
    check_service_alone(name)
    folders = service_strings("apps", apps)
    if not folders:
        raise ValueError(
            f"fastapp_service in {build_file_dir()}: apps=[]: the image would be the framework's. "
            'Fix: name the folder of an app, e.g. apps=["src/apps/shop"].'
        )
    built = service_strings("wheels", wheels)
    pex_binary(
        name="runtime",
        resolve="prod",
        entry_point="manage",
        dependencies=[
            "src:manage@resolve=prod",
            *[f"{app}@resolve=prod" for app in folders],
            *service_strings("dependencies", dependencies),
            *built,
        ],
    )
    command = service_strings("cmd", cmd)
    exposed = None
    if port != 8000:
        env, exposed = {"QK_PORT": str(port), **(env or {})}, [str(port)]
    required = service_strings("settings", settings)
    if required:
        # Its servers say what is missing wherever they are started.
        owners = ", ".join(f'"{setting}": "{build_file_dir()}"' for setting in required)
        env = {"QK_REQUIRED_SETTINGS": f"{{{owners}}}", **(env or {})}
    # What is None is left to `__defaults__`.
    optional = {
        "env": env,
        "exposed_ports": exposed,
        "pex_layers": pex_layers,
        "repositories": repositories,
    }
    facts = {
        "title": name,
        "description": description or f"The service {name}",
        "version": version,
        "authors": owner,
    }
    oci_image(
        name="oci",
        base="//deploy:oci",
        pex=":runtime",
        repo_tags=[f"{name}:{version}", f"{name}:latest"],
        entrypoint=[],
        cmd=command,
        labels={
            **{f"org.opencontainers.image.{key}": value for key, value in facts.items() if value},
            **(labels or {}),
        },
        **{field: value for field, value in optional.items() if value is not None},
    )
    docker_image(name="image", image=":oci")
    image_policy(
        name="policy",
        image=":oci",
        waivers={**framework_waivers(), **(waivers or {})},
    )
    # The driver, which the framework's image has, may be one of them.
    attested = dict.fromkeys(["3rdparty/asyncmy:wheel", *built])
    image_attestations(name="attestations", image=":oci", wheels=list(attested))
    image_explanation(name="explain", dependencies=[":image"])
    fleet_entries(
        name,
        version,
        command,
        service_strings("prefixes", prefixes or [app.rpartition("/")[2] for app in folders]),
        port,
        required,
        replicas,
        cpu,
        memory,
    )
