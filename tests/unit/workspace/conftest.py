"""A small DVC project, the same as in the tests of the flow."""

from tests.pipelines.conftest import bare as bare
from tests.pipelines.conftest import empty_project as empty_project
from tests.pipelines.conftest import graph_project as graph_project
from tests.pipelines.conftest import project as project
