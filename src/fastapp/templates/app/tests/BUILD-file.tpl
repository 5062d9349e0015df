# The app is loaded by its name in INSTALLED_APPS, the framework's parts by theirs: neither
# is an import.
__defaults__(
    {
        (python_tests, python_test_utils): dict(
$test_fields
        )
    }
)

python_tests(name="tests")
python_test_utils(name="test_utils")
