"""An HTTP server that judges images and answers in JSON. Everything a client can send is bounded, and models can
be replaced while the server runs."""
