"""The paths of the REST API and the page, one module per subject."""
