"""Libraries that apps share: one package each, in the images of the services that import it."""
