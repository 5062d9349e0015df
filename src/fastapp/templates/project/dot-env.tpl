# Settings of this machine; not committed. In production set QK_SECRET_KEY and QK_ALLOWED_HOSTS.
QK_DEBUG=true
QK_SECRET_KEY=$secret_key
