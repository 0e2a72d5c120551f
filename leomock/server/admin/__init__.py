"""Control the fake over HTTP under `/_leomock/`."""
