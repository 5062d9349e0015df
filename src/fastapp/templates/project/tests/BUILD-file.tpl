# The project is loaded by the name of its settings and apps: neither is an import.
__defaults__(
    {
        (python_tests,): dict(
$test_fields
        )
    }
)

python_tests(name="tests")
