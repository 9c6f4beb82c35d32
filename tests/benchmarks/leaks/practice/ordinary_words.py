"""Lines of ordinary mail that speak of passwords and tokens without telling one."""

from __future__ import annotations

__all__ = ["HARMLESS_NOTICES", "PATCHES", "POLICIES", "REVIEWS"]

HARMLESS_NOTICES = (
    "Your password was altered on {day} at {clock} near {place}.", "Neue Anmeldung aus {place} am {day} um {clock}. Ihr Kennwort bleibt gültig.", "Le mot de passe de votre espace a bien été remplacé le {day} à {clock} ({place}).",
    "Hemos detectado un acceso desde {place} el {day} a las {clock}; la clave no ha cambiado.", "Accesso riuscito da {place} il {day} alle {clock}. La password scade tra {number} giorni.", "Zalogowano z miejscowości {place} dnia {day} o {clock}. Hasło wygasa za {number} dni.",
    "We blocked {number} attempts from {place} on {day}, {clock}. Two-factor codes were not used.", "A backup phone was added on {day} at {clock} ({place}). Recovery codes stay as they are.", "An API key of yours was deleted on {day} at {clock} by somebody in {place}.",
)  # fmt: skip
POLICIES = (
    "A password consists of three random words.", "Codes that arrive by text message are for your eyes only.", "Kennwörter gehören nicht auf Klebezettel.", "The PIN of a company card is never written down.", "Ne communiquez jamais votre mot de passe au téléphone.",
    "La contraseña caduca cada 180 días.", "Keys to the archive are signed for at the porter's desk.", "La password non va riutilizzata altrove.", "API tokens are kept in the vault and rotated twice a year.", "Hasła nie wolno wysyłać pocztą.", "Wi-Fi for guests needs a voucher from reception.",
    "Initial passwords are handed over in person.", "Access codes are 6 characters or longer.", "A lost pass: tell the gate at once.",
)  # fmt: skip
PATCHES = (
    ("auth: compare the password in constant time", "    if (strcmp(password, given) == 0)", "    if (equal_ct(password, given, len))"), ("session: shorten token lifetime", "    token_ttl = 86400;", "    token_ttl = 3600;"),
    ("config: read the key from the environment", "    key = conf->secret_key;", '    key = getenv("APP_SECRET_KEY");'), ("login: Feldname Kennwort korrigiert", "    label = _('Kenwort');", "    label = _('Kennwort');"), ("api: rename pass to passphrase", "    char *pass = NULL;", "    char *passphrase = NULL;"),
    ("keyring: utiliser le mot de passe du trousseau", "    pwd = ask_user();", "    pwd = keyring_lookup(user);"), ("tests: drop a dummy token", "    token = make_token(user);", "    token = fixture.token;"), ("hash: raise the cost", "    bcrypt(password, 10);", "    bcrypt(password, 13);"),
)  # fmt: skip
REVIEWS = (
    ("password: str = Field(min_length=12)", "Why twelve? The policy says fourteen."), ("const token = await getToken(user.id)", "nit: this awaits inside the loop"), ("String apiKey = System.getenv(KEY_NAME);", "Fehlt da nicht eine Prüfung auf null?"), ("if secret is None: raise KeyError(name)", "Je préfère une exception à nous."),
    ("pwd := os.Args[2]", "Arguments show up in ps, read it from stdin please."), ("$password = $_POST['password'];", "No filter here, is that on purpose?"), ("auth_header = f'Bearer {token}'", "Va bene, ma aggiungi un test."), ("passphrase = getpass.getpass()", "LGTM"), ("let code = rng.gen_range(100_000..1_000_000);", "proszę użyć CSPRNG"),
)  # fmt: skip
