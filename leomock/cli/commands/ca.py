"""`leomock ca`: the certificate authority of `leomock serve --https`."""

from __future__ import annotations

import click

# How to make each ecosystem trust an additional authority. `{file}` is its certificate.
TRUST = (
    ("curl", "curl --cacert {file} https://…, or export CURL_CA_BUNDLE={file}"),
    ("Python", "export SSL_CERT_FILE={file} REQUESTS_CA_BUNDLE={file}"),
    ("Node", "export NODE_EXTRA_CA_CERTS={file}"),
    ("Deno", "export DENO_CERT={file}"),
    ("Java", "keytool -importcert -noprompt -cacerts -storepass changeit -alias leomock -file {file}"),
    ("Ruby, Go", "export SSL_CERT_FILE={file}"),
    ("PHP", "php -d openssl.cafile={file} -d curl.cainfo={file}"),
    ("Debian", "sudo cp {file} /usr/local/share/ca-certificates/leomock.crt && sudo update-ca-certificates"),
    ("Fedora", "sudo cp {file} /etc/pki/ca-trust/source/anchors/leomock.pem && sudo update-ca-trust"),
    ("macOS", "sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain {file}"),
    ("Windows", "certutil -addstore -user Root {file}"),
    ("Firefox", "Settings, Privacy & Security, View Certificates, Authorities, Import {file}"),
)


@click.command()
@click.option("--remove", is_flag=True, help="Delete the authority and its key.")
@click.option("--path", "only_path", is_flag=True, help="Print the path of the certificate and nothing else.")
def ca(remove: bool, only_path: bool) -> None:
    """Show the certificate authority of `leomock serve --https`, and how to trust it.

    The first `leomock serve --https` creates the authority. It can sign only for the hosts of the API and for
    localhost, and only its owner can read its key. `leomock exec` does not use it.
    """
    from leomock.cli.serving.secure import authority_folder
    from leomock.server.authority import AuthorityError, Store

    if remove and only_path:
        raise click.UsageError("--remove and --path exclude each other; give one")
    store = Store(authority_folder())
    if remove:
        removed = store.remove()
        click.echo(f"removed {store.folder}" if removed else f"there is no authority in {store.folder}")
        return
    if not store.exists():
        raise click.ClickException(
            f"there is no authority in {store.folder}; `leomock serve --https` creates it when it first "
            "starts"
        )
    if only_path:
        click.echo(store.certificate_file)
        return
    try:
        expires = store.expires()
    except AuthorityError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{store.certificate_file}\nvalid until {expires:%Y-%m-%d}, for {', '.join(store.names())}\n")
    width = max(len(name) for name, _ in TRUST)
    click.echo("The variables replace all other trusted authorities, except in Node and Deno.\n")
    for name, command in TRUST:
        click.echo(f"{name:{width}}  {command.format(file=store.certificate_file)}")
    click.echo("\nAfterwards: leomock ca --remove, and undo what you did above.")
