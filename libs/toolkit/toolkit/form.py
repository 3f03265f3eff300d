"""The form of what lies in a data directory: a number that goes up when a build writes what an older one cannot read.

Form 1 has no number on disk. Form 2 keeps the ledger by instrument in the positions store, form 3 all events of it.
"""

import json
from pathlib import Path

from common.machine.disk import write_durably

from toolkit.instance import CannotStartError
from toolkit.layout import form_file

FORM = 3
"""What this build writes; it reads every form up to it."""


def demand_known_form(data_dir: Path) -> None:
    """Raise CannotStartError where a newer build has written, or where it cannot be told who has."""
    form = form_of(data_dir)
    if form > FORM:
        raise CannotStartError(
            f"{data_dir} is of form {form}, this build knows forms up to {FORM}: start the build that wrote it, or "
            "bring back the backup made before the upgrade with ./mm restore DIR --who NAME --reason TEXT"
        )


def form_of(data_dir: Path) -> int:
    """Return the number of a data directory's form; CannotStartError when the file that says it does not."""
    path = form_file(data_dir)
    try:
        said = json.loads(path.read_text())
    except FileNotFoundError:
        return 1
    except ValueError as error:
        raise CannotStartError(f"{path}: must be JSON such as {_text(FORM)}: {error}") from None
    form = said.get("form") if isinstance(said, dict) else None
    if not isinstance(form, int) or isinstance(form, bool) or form < 1:
        raise CannotStartError(f"{path}: form: must be a whole number of 1 or more, is {form!r}; {_text(FORM)} is ours")
    return form


def write_form(data_dir: Path) -> None:
    """Say on disk that this build writes here: an older one must not start on it any more."""
    write_durably(form_file(data_dir), _text(FORM).encode(), 0o644)


def _text(form: int) -> str:
    return json.dumps({"form": form})
