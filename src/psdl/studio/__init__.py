"""All steps in a browser: a local page that calls the library, and a project folder that the verbs can read."""
