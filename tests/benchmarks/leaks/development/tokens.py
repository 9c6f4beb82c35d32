"""API keys and tokens of the set for tuning: drawn character by character, each form at the length that its service began with."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence

from benchmarks.leaks.checksums import base64_crc, crc_hex, github
from benchmarks.leaks.forms import ALPHABETS, filled, uuid
from benchmarks.leaks.planted import Maker, Secret

__all__ = ["ACCESS_TOKENS", "API_KEYS", "JWTS", "drawn"]


def drawn(rng: random.Random, alphabet: str, length: int) -> str:
    """Characters drawn one by one."""
    return "".join(rng.choices(alphabet, k=length))


# service, as people name it, as settings name it, form; the service's word is needed where "near" stands behind
_FORMS = (
    ("openai", "OpenAI", "OPENAI_API_KEY", "sk-{an:20}T3BlbkFJ{an:20}"),
    ("openai", "OpenAI", "OPENAI_KEY", "sk-proj-{u:74}T3BlbkFJ{u:74}"),
    ("anthropic", "Anthropic", "ANTHROPIC_API_KEY", "sk-ant-api03-{u:93}AA"),
    ("groq", "Groq", "GROQ_API_KEY", "gsk_{an:20}WGdyb3FY{an:24}"),
    ("huggingface", "Hugging Face", "HF_TOKEN", "hf_{let:34}"),
    ("replicate", "Replicate", "REPLICATE_API_TOKEN", "r8_{an:37}"),
    ("perplexity", "Perplexity", "PPLX_API_KEY", "pplx-{an:48}"),
    ("xai", "xAI", "XAI_API_KEY", "xai-{an:80}"),
    ("gitlab", "GitLab", "GITLAB_TOKEN", "glpat-{u:20}"),
    ("google", "Google", "GOOGLE_API_KEY", "AIza{u:35}"),
    ("google", "Google", "GOOGLE_CLIENT_SECRET", "GOCSPX-{u:28}"),
    ("azure", "Azure", "AZURE_CLIENT_SECRET", "{an:3}8Q~{u:32}"),
    ("azure", "Azure", "AZURE_STORAGE", "AccountKey={b64:86}=="),
    ("digitalocean", "DigitalOcean", "DO_TOKEN", "dop_v1_{hex:64}"),
    ("heroku", "Heroku", "HEROKU_API_KEY", "HRKU-AA{u:58}"),
    ("databricks", "Databricks", "DATABRICKS_TOKEN", "dapi{hex:32}"),
    ("vault", "Vault", "VAULT_TOKEN", "hvs.{u:94}"),
    ("doppler", "Doppler", "DOPPLER_TOKEN", "dp.pt.{an:43}"),
    ("docker", "Docker", "DOCKER_PAT", "dckr_pat_{u:27}"),
    ("rubygems", "RubyGems", "GEM_HOST_API_KEY", "rubygems_{hex:48}"),
    ("nuget", "NuGet", "NUGET_KEY", "oy2{low:43}"),
    ("pypi", "PyPI", "TWINE_PASSWORD", "pypi-AgEIcHlwaS5vcmc{u:130}"),
    ("newrelic", "New Relic", "NEW_RELIC_API_KEY", "NRAK-{up:27}"),
    ("dynatrace", "Dynatrace", "DT_API_TOKEN", "dt0c01.{up:24}.{up:64}"),
    ("postman", "Postman", "POSTMAN_API_KEY", "PMAK-{hex:24}-{hex:34}"),
    ("linear", "Linear", "LINEAR_API_KEY", "lin_api_{an:40}"),
    ("notion", "Notion", "NOTION_TOKEN", "secret_{an:43}"),
    ("figma", "Figma", "FIGMA_TOKEN", "figd_{u:40}"),
    ("stripe", "Stripe", "STRIPE_SECRET_KEY", "sk_live_{an:24}"),
    ("square", "Square", "SQUARE_SECRET", "sq0csp-{u:43}"),
    ("shopify", "Shopify", "SHOPIFY_TOKEN", "shpat_{hex:32}"),
    ("slack", "Slack", "SLACK_BOT_TOKEN", "xoxb-{d:12}-{d:12}-{an:24}"),
    ("telegram", "Telegram", "TELEGRAM_BOT_TOKEN", "{d:10}:AA{u:33}"),
    ("sendgrid", "SendGrid", "SENDGRID_API_KEY", "SG.{u:22}.{u:43}"),
    ("mailgun", "Mailgun", "MAILGUN_API_KEY", "key-{hex:32}"),
    ("mailchimp", "Mailchimp", "MAILCHIMP_API_KEY", "{hex:32}-us14"),
    ("brevo", "Brevo", "BREVO_API_KEY", "xkeysib-{hex:64}-{an:16}"),
    ("resend", "Resend", "RESEND_API_KEY", "re_{an:8}_{an:24}"),
    ("mailersend", "MailerSend", "MAILERSEND_TOKEN", "mlsn.{hex:64}"),
    ("tailscale", "Tailscale", "TS_AUTHKEY", "tskey-auth-k{an:11}CNTRL-{an:32}"),
    ("pulumi", "Pulumi", "PULUMI_ACCESS_TOKEN", "pul-{hex:40}"),
    ("supabase", "Supabase", "SUPABASE_ACCESS_TOKEN", "sbp_{hex:40}"),
    ("airtable", "Airtable", "AIRTABLE_TOKEN", "pat{an:14}.{hex:64}"),
    ("hubspot", "HubSpot", "HUBSPOT_TOKEN", "pat-na1-{uuid}"),
    ("twilio", "Twilio", "TWILIO_API_KEY", "SK{hex:32}"),
    ("sentry", "Sentry", "SENTRY_AUTH_TOKEN", "sntryu_{hex:64}"),
)  # fmt: skip
_NEAR = (
    ("datadog", "Datadog", "DATADOG_API_KEY", "{hex:32}"),
    ("cloudflare", "Cloudflare", "CLOUDFLARE_API_TOKEN", "{u:40}"),
    ("postmark", "Postmark", "POSTMARK_SERVER_TOKEN", "{uuid}"),
    ("aws", "AWS", "AWS_SECRET_ACCESS_KEY", "{b64:40}"),
    ("twilio", "Twilio", "TWILIO_AUTH_TOKEN", "{hex:32}"),
    ("mailgun", "Mailgun", "MAILGUN_PRIVATE_KEY", "{hex:32}-{hex:8}-{hex:8}"),
)


def _formed(row: tuple[str, str, str, str], topic: str) -> Maker:
    service, named, label, form = row

    def make(rng: random.Random) -> Secret:
        value = filled(rng, form.replace("{uuid}", uuid(rng)), drawn)
        return Secret("api_key", service, value, topic, label, named, also=(value.partition("=")[2],) if "Key=" in value else ())

    return make


def _github(rng: random.Random) -> Secret:
    value = github(rng.choice(("ghp_", "gho_")), drawn(rng, ALPHABETS["an"], 30))
    return Secret("access_token", "github", value, "token", "GITHUB_TOKEN", "GitHub")


def _npm(rng: random.Random) -> Secret:
    return Secret("access_token", "npm", github("npm_", drawn(rng, ALPHABETS["an"], 30)), "token", "NPM_TOKEN", "npm")


def _atlassian(rng: random.Random) -> Secret:
    held = f"ATATT3xFfGF0{drawn(rng, ALPHABETS['u'], 171)}="
    value = held + crc_hex(held, upper=True)
    return Secret("access_token", "atlassian", value, "token", "JIRA_API_TOKEN", "Jira")


def _grafana(rng: random.Random) -> Secret:
    held = f"glsa_{drawn(rng, ALPHABETS['an'], 32)}"
    return Secret("access_token", "grafana", f"{held}_{crc_hex(held, little=True)}", "token", "GRAFANA_TOKEN", "Grafana")


def _confluent(rng: random.Random) -> Secret:
    held = f"cflt{drawn(rng, ALPHABETS['b64'], 50)}"
    return Secret("api_key", "confluent", held + base64_crc(held), "token", "CONFLUENT_API_SECRET", "Confluent")


def _aws_pair(rng: random.Random) -> Secret:
    identity, secret = f"AKIA{drawn(rng, ALPHABETS['b32'], 16)}", drawn(rng, ALPHABETS["b64"], 40)
    whole = f"aws_access_key_id = {identity}\naws_secret_access_key = {secret}"
    return Secret("api_key", "aws", secret, "token", "AWS_KEYS", "AWS", whole, also=(identity,))


def _coded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=")


def _jwt(rng: random.Random) -> Secret:
    claims: dict[str, object] = {
        "sub": str(rng.randrange(10**6)),
        "iat": 1_757_000_000,
        "exp": 1_757_000_000 + rng.randrange(10**6),
    }
    value = f"{_coded({'alg': 'HS256', 'typ': 'JWT'})}.{_coded(claims)}.{drawn(rng, ALPHABETS['u'], 43)}"
    return Secret("jwt", "generic", value, "token", "ACCESS_TOKEN", "portal", kinds=("access_token",))


ACCESS_TOKENS: Sequence[Maker] = (_github, _npm, _atlassian, _grafana)
API_KEYS: Sequence[Maker] = (
    *(_formed(row, "token") for row in _FORMS),
    *(_formed(row, "near") for row in _NEAR),
    _confluent,
    _aws_pair,
)
JWTS: Sequence[Callable[[random.Random], Secret]] = (_jwt,)
