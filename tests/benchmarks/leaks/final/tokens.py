"""API keys and tokens of the final set: cut out of random bytes, in the newer and rarer forms of each service."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Sequence

from benchmarks.leaks.checksums import base64_crc, crc_hex, github, gitlab_routable
from benchmarks.leaks.forms import filled, uuid
from benchmarks.leaks.planted import Maker, Secret

__all__ = ["ACCESS_TOKENS", "API_KEYS", "JWTS", "cut"]


def cut(rng: random.Random, alphabet: str, length: int) -> str:
    """As many characters of the alphabet as asked for, out of random bytes: those that fit no character are passed over."""
    found: list[str] = []
    edge = 256 - 256 % len(alphabet)
    while len(found) < length:
        found += [alphabet[byte % len(alphabet)] for byte in rng.randbytes(2 * length) if byte < edge]
    return "".join(found[:length])


_AN = string.ascii_letters + string.digits
# form: service, as people name it, as settings name it
_SERVICES = {
    "github_pat_{an:22}_{an:59}": ("github", "GitHub", "gh_token"),
    "sk-svcacct-{u:58}T3BlbkFJ{u:58}": ("openai", "OpenAI", "openai_key"),
    "sk-admin-{u:74}T3BlbkFJ{u:74}": ("openai", "OpenAI", "openai_admin"),
    "sk-ant-admin01-{u:93}AA": ("anthropic", "Anthropic", "claude_key"),
    "sk-or-v1-{hex:64}": ("openrouter", "OpenRouter", "router_key"),
    "api_org_{let:34}": ("huggingface", "Hugging Face", "hf_org"),
    "AQ.Ab8RN6{u:44}": ("google", "Gemini", "gemini_key"),
    "ya29.{u:160}": ("google", "Google", "google_access"),
    "1//0{u:99}": ("google", "Google", "google_refresh"),
    "doo_v1_{hex:64}": ("digitalocean", "DigitalOcean", "do_oauth"),
    "cfut_{an:40}{hex:8}": ("cloudflare", "Cloudflare", "cf_token"),
    "gldt-{u:20}": ("gitlab", "GitLab", "gitlab_deploy"),
    "glrt-{u:20}": ("gitlab", "GitLab", "gitlab_runner"),
    "ABSK{b64:128}=": ("aws", "Amazon Bedrock", "bedrock_key"),
    "hvb.{u:160}": ("vault", "Vault", "vault_batch"),
    "{an:14}.atlasv1.{u:67}": ("terraform", "Terraform", "tfe_token"),
    "dp.st.prd.{an:43}": ("doppler", "Doppler", "doppler"),
    "dckr_oat_{u:32}": ("docker", "Docker", "docker_org"),
    "NRII-{u:32}": ("newrelic", "New Relic", "nr_insert"),
    "sntrys_eyJ{b64:160}": ("sentry", "Sentry", "sentry_org"),
    "CCIPAT_{an:22}_{hex:40}": ("circleci", "CircleCI", "circle"),
    "bkua_{hex:40}": ("buildkite", "Buildkite", "buildkite"),
    "squ_{hex:40}": ("sonar", "SonarQube", "sonar"),
    "ntn_{d:11}{an:35}": ("notion", "Notion", "notion"),
    "pat-eu1-{uuid}": ("hubspot", "HubSpot", "hubspot"),
    "rk_live_{an:99}": ("stripe", "Stripe", "stripe_restricted"),
    "whsec_{an:32}": ("stripe", "Stripe", "stripe_hook"),
    "EAAA{u:60}": ("square", "Square", "square"),
    "shpca_{hex:32}": ("shopify", "Shopify", "shopify"),
    "xoxp-{d:11}-{d:11}-{d:12}-{hex:32}": ("slack", "Slack", "slack_user"),
    "xapp-1-A{up:10}-{d:13}-{hex:64}": ("slack", "Slack", "slack_app"),
    "M{an:23}.{u:6}.{u:38}": ("discord", "Discord", "discord_bot"),
    "{d:9}:AA{u:33}": ("telegram", "Telegram", "tg_bot"),
    "SG.{u:22}.{u:43}": ("sendgrid", "SendGrid", "sendgrid"),
    "{hex:32}-us{d:1}": ("mailchimp", "Mailchimp", "mailchimp"),
    "xkeysib-{hex:64}-{an:16}": ("brevo", "Brevo", "brevo"),
    "re_{an:8}_{an:24}": ("resend", "Resend", "resend"),
    "AGE-SECRET-KEY-1{bech:58}": ("age", "age", "age_identity"),
    "sb_secret_{u:31}": ("supabase", "Supabase", "supabase"),
    "pscale_pw_{u:43}": ("planetscale", "PlanetScale", "pscale"),
    "vcp_{an:56}": ("vercel", "Vercel", "vercel"),
    "nfp_{an:36}": ("netlify", "Netlify", "netlify"),
    "rnd_{an:28}": ("render", "Render", "render"),
    "napi_{low:64}": ("neon", "Neon", "neon"),
    "mdb_sa_sk_{u:40}": ("mongodb", "MongoDB Atlas", "atlas"),
    "LTAI{an:20}": ("alibaba", "Alibaba Cloud", "aliyun"),
    "sl.{u:140}": ("dropbox", "Dropbox", "dropbox"),
    "EAA{an:170}": ("meta", "Facebook", "fb_page"),
    "sgp_{hex:40}": ("sourcegraph", "Sourcegraph", "sourcegraph"),
    "phx_{an:43}": ("posthog", "PostHog", "posthog"),
    "PMAK-{hex:24}-{hex:34}": ("postman", "Postman", "postman"),
    "dop_v1_{hex:64}": ("digitalocean", "DigitalOcean", "do_pat"),
    "AIza{u:35}": ("google", "Google Maps", "maps_key"),
    "figd_{u:42}": ("figma", "Figma", "figma"),
    "pypi-AgEIcHlwaS5vcmc{u:155}": ("pypi", "PyPI", "pypi_upload"),
    "rubygems_{hex:48}": ("rubygems", "RubyGems", "gem_push"),
}
_NAMED = {
    "{uuid}": ("postmark", "Postmark", "postmark_server"),
    "{hex:32}": ("twilio", "Twilio", "twilio_auth"),
    "{hex:40}": ("datadog", "Datadog", "dd_app_key"),
    "{hex:37}": ("cloudflare", "Cloudflare", "cf_global"),
    "{b64:40}": ("aws", "AWS", "aws_secret"),
    "{an:40}": ("sparkpost", "SparkPost", "sparkpost"),
    "u+{u:18}": ("pagerduty", "PagerDuty", "pd_token"),
}


def _made(form: str, names: tuple[str, str, str], topic: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        value = filled(rng, form.replace("{uuid}", uuid(rng)), cut)
        return Secret("api_key", names[0], value, topic, names[2], names[1])

    return make


def _github(rng: random.Random) -> Secret:
    return Secret(
        "access_token", "github", github(rng.choice(("ghs_", "ghu_", "ghp_")), cut(rng, _AN, 30)), "token", "gh", "GitHub"
    )


def _npm(rng: random.Random) -> Secret:
    return Secret("access_token", "npm", github("npm_", cut(rng, _AN, 30)), "token", "npm_publish", "npm")


def _gitlab(rng: random.Random) -> Secret:
    payload = b"o:1\np:" + rng.randbytes(16) + b"\nu:7"
    return Secret("access_token", "gitlab", gitlab_routable("glpat-", payload), "token", "gitlab", "GitLab")


def _bitbucket(rng: random.Random) -> Secret:
    held = f"ATCTT3xFfGN0{cut(rng, _AN + '_-', 171)}="
    return Secret("access_token", "atlassian", held + crc_hex(held, upper=True), "token", "bitbucket", "Bitbucket")


def _grafana(rng: random.Random) -> Secret:
    held = f"glsa_{cut(rng, _AN, 32)}"
    return Secret("access_token", "grafana", f"{held}_{crc_hex(held, little=True)}", "token", "grafana_sa", "Grafana")


def _grafana_cloud(rng: random.Random) -> Secret:
    told = {"o": str(rng.randrange(10**6)), "n": "pipe", "k": cut(rng, _AN, 24), "m": {"r": "eu"}}
    return Secret(
        "access_token",
        "grafana",
        "glc_" + base64.b64encode(json.dumps(told, separators=(",", ":")).encode()).decode(),
        "token",
        "glc",
        "Grafana Cloud",
    )


def _confluent(rng: random.Random) -> Secret:
    held = f"cflt{cut(rng, _AN + '+/', 50)}"
    return Secret("api_key", "confluent", held + base64_crc(held), "token", "kafka_secret", "Confluent")


def _jwt(rng: random.Random) -> Secret:
    parts: tuple[dict[str, object], ...] = (
        {"typ": "JWT", "alg": "RS256", "kid": cut(rng, _AN, 8)},
        {"iss": "https://id.club.example", "name": "K", "exp": 1_900_000_000},
    )
    signed = base64.urlsafe_b64encode(rng.randbytes(256)).decode().rstrip("=")
    value = ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), signed])
    return Secret("jwt", "generic", value, "token", "id_token", "club", kinds=("access_token",))


ACCESS_TOKENS: Sequence[Maker] = (_github, _npm, _gitlab, _bitbucket, _grafana, _grafana_cloud)
API_KEYS: Sequence[Maker] = (
    *(_made(form, names, "token") for form, names in _SERVICES.items()),
    *(_made(form, names, "near") for form, names in _NAMED.items()),
    _confluent,
)
JWTS: Sequence[Maker] = (_jwt,)
