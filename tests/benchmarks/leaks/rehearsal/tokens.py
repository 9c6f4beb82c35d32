"""Keys and tokens of services, by the forms that the services document or are known for."""

from __future__ import annotations

import base64
import random

from benchmarks.leaks import checksums
from benchmarks.leaks.forms import ALPHABETS
from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice.tokens import drawn, token_of

__all__ = ["ACCESS_TOKENS", "API_KEYS"]

# service, name in a sentence, name of a setting, form
_KEYS = (
    ("openai", "OpenAI", "OPENAI_API_KEY", "sk-proj-{u:58}T3BlbkFJ{u:58}"),
    ("openai", "OpenAI admin", "openai_admin", "sk-admin-{u:58}T3BlbkFJ{u:58}"),
    ("anthropic", "Anthropic", "anthropic.key", "sk-ant-api03-{u:93}AA"),
    ("groq", "Groq", "GroqKey", "gsk_{an:20}WGdyb3FY{an:24}"),
    ("xai", "Grok", "XAI_KEY", "xai-{an:80}"),
    ("perplexity", "Perplexity", "pplxKey", "pplx-{an:48}"),
    ("openrouter", "OpenRouter", "OPENROUTER", "sk-or-v1-{hex:64}"),
    ("replicate", "Replicate", "replicate_token", "r8_{an:37}"),
    ("stripe", "Stripe", "STRIPE_KEY", "sk_live_{an:34}"),
    ("stripe", "Stripe", "payment.stripe.rk", "rk_live_{an:99}"),
    ("stripe", "Stripe webhook", "STRIPE_WH", "whsec_{an:38}"),
    ("square", "Square", "SQ_PROD", "sq0csp-{u:43}"),
    ("sendgrid", "SendGrid", "sendgridApiKey", "SG.{u:22}.{u:43}"),
    ("mailgun", "Mailgun", "MAILGUN", "key-{hex:32}"),
    ("mailchimp", "Mailchimp", "MAILCHIMP_API", "{hex:32}-us{d:2}"),
    ("brevo", "Brevo", "BREVO", "xkeysib-{hex:64}-{an:16}"),
    ("resend", "Resend", "RESEND", "re_{an:8}_{an:24}"),
    ("newrelic", "New Relic", "NR_USER_KEY", "NRAK-{up:27}"),
    ("dynatrace", "Dynatrace", "dtApiToken", "dt0c01.{b32:24}.{b32:64}"),
    ("postman", "Postman", "POSTMAN_API_KEY", "PMAK-{hex:24}-{hex:34}"),
    ("linear", "Linear", "LINEAR", "lin_api_{an:40}"),
    ("google", "Google Maps", "MAPS_SERVER_KEY", "AIza{u:35}"),
    ("google", "Google OAuth", "google.client_secret", "GOCSPX-{u:28}"),
    ("alibaba", "Alibaba Cloud", "ALIYUN_AK", "LTAI5t{an:18}"),
    ("render", "Render", "RENDER_KEY", "rnd_{an:28}"),
    ("supabase", "Supabase", "SB_SECRET", "sb_secret_{u:31}"),
    ("nuget", "NuGet", "NUGET_API_KEY", "oy2{low:43}"),
    ("tailscale", "Tailscale", "TAILSCALE_AUTH", "tskey-auth-k{an:11}CNTRL-{an:32}"),
    ("hubspot", "HubSpot", "HS_PRIVATE_APP", "pat-na1-{uuid:4}"),
    ("posthog", "PostHog", "POSTHOG", "phx_{an:43}"),
)
_UNMARKED = (  # nothing but the service's name tells
    ("datadog", "Datadog", "datadog_api_key", "{hex:32}"),
    ("postmark", "Postmark", "X-Postmark-Server-Token", "{uuid:4}"),
    ("postmark", "Postmark account", "POSTMARK_ACCOUNT", "{uuid:4}"),
    ("mistral", "Mistral", "mistralKey", "{an:32}"),
    ("zendesk", "Zendesk", "zendesk.token", "{an:40}"),
    ("snyk", "Snyk", "snyk_token", "{uuid:4}"),
    ("opsgenie", "Opsgenie", "opsgenie.apiKey", "{uuid:4}"),
    ("sparkpost", "SparkPost", "SPARKPOST_API", "{hex:40}"),
    ("twilio", "Twilio", "TWILIO_AUTH_TOKEN", "{hex:32}"),
    ("azure", "Azure OpenAI", "azure_openai", "{hex:32}"),
    ("heroku", "Heroku", "heroku_api_key", "{uuid:4}"),
    ("pagerduty", "PagerDuty", "pagerduty", "u+{u:18}"),
)
_TOKENS = (
    ("github", "GitHub", "GH_PAT", "github_pat_{an:22}_{an:59}"),
    ("gitlab", "GitLab", "GITLAB_PAT", "glpat-{u:20}"),
    ("gitlab", "GitLab Runner", "REGISTRATION", "glrt-{u:20}"),
    ("bitbucket", "Bitbucket", "BITBUCKET_APP", "ATBB{an:32}"),
    ("digitalocean", "DigitalOcean", "DIGITALOCEAN_TOKEN", "dop_v1_{hex:64}"),
    ("netlify", "Netlify", "NETLIFY", "nfp_{an:36}"),
    ("databricks", "Databricks", "databricks.pat", "dapi{hex:32}"),
    ("vault", "Vault", "VAULT_TOKEN", "hvs.{u:92}"),
    ("terraform", "Terraform Cloud", "TF_TOKEN", "{an:14}.atlasv1.{u:66}"),
    ("doppler", "Doppler", "DOPPLER", "dp.pt.{an:43}"),
    ("pulumi", "Pulumi", "PULUMI", "pul-{hex:40}"),
    ("docker", "Docker Hub", "DOCKER_PAT", "dckr_pat_{u:27}"),
    ("pypi", "PyPI", "PYPI_UPLOAD", "pypi-AgEIcHlwaS5vcmc{u:140}"),
    ("rubygems", "RubyGems", "RUBYGEMS", "rubygems_{hex:48}"),
    ("sentry", "Sentry", "SENTRY_TOKEN", "sntryu_{hex:64}"),
    ("sonar", "SonarQube", "sonar.login", "sqp_{hex:40}"),
    ("circleci", "CircleCI", "CIRCLECI", "CCIPAT_{an:22}_{hex:40}"),
    ("notion", "Notion", "notionToken", "ntn_{d:11}{an:35}"),
    ("airtable", "Airtable", "AIRTABLE", "pat{an:14}.{hex:64}"),
    ("figma", "Figma", "FIGMA", "figd_{u:40}"),
    ("shopify", "Shopify", "shopify_admin_token", "shpat_{hex:32}"),
    ("slack", "Slack", "SLACK_TOKEN", "xoxb-{d:12}-{d:13}-{an:24}"),
    ("slack", "Slack", "slack.user", "xoxp-{d:12}-{d:12}-{d:13}-{hex:32}"),
    ("telegram", "Telegram", "telegram_bot", "{d:10}:AA{u:33}"),
    ("huggingface", "Hugging Face", "HF_HUB", "hf_{let:34}"),
    ("meta", "Facebook", "GRAPH_TOKEN", "EAA{an:160}"),
    ("dropbox", "Dropbox", "DROPBOX", "sl.{u:135}"),
    ("google", "Google", "gcp_access", "ya29.{u:140}"),
)  # fmt: skip


def _formed(kind: str, topic: str, row: tuple[str, str, str, str]) -> Maker:
    service, named, label, form = row
    also = ("password",) if service == "bitbucket" else ()  # Bitbucket's own word is app password
    return lambda rng: Secret(kind, service, token_of(rng, form), topic, label, named, kinds=also)


def _aws(rng: random.Random) -> Secret:
    identity = "AKIA" + drawn(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
    value = drawn(rng, ALPHABETS["b64"], 40)
    whole = rng.choice((
        f"{identity} : {value}",
        f"Access key {identity}\nSecret {value}",
        f"AWS_ACCESS_KEY_ID={identity}\nAWS_SECRET_ACCESS_KEY={value}",
    ))  # fmt: skip
    return Secret("api_key", "aws", value, "token", "aws", "AWS", whole, also=(identity,))


def _azure_storage(rng: random.Random) -> Secret:
    value = base64.b64encode(rng.randbytes(64)).decode()
    return Secret("api_key", "azure", value, "near", "storage_key", "Azure Storage")


def _entra(rng: random.Random) -> Secret:
    value = f"{drawn(rng, ALPHABETS['an'], 3)}8Q~{drawn(rng, ALPHABETS['u'], 33)}k"
    return Secret("api_key", "azure", value, "token", "azure_client_secret", "Azure AD")


def _github(rng: random.Random) -> Secret:
    value = checksums.github(rng.choice(("ghp_", "ghs_", "gho_")), drawn(rng, ALPHABETS["an"], 30))
    return Secret("access_token", "github", value, "token", "github.token", "GitHub")


def _npm(rng: random.Random) -> Secret:
    return Secret("access_token", "npm", checksums.github("npm_", drawn(rng, ALPHABETS["an"], 30)), "token", "NPM_CONFIG", "npm")


def _grafana(rng: random.Random) -> Secret:
    held = "glsa_" + drawn(rng, ALPHABETS["an"], 32)
    return Secret("access_token", "grafana", f"{held}_{checksums.crc_hex(held, little=True)}", "token", "grafana", "Grafana")


API_KEYS: tuple[Maker, ...] = (
    *(_formed("api_key", "token", row) for row in _KEYS),
    *(_formed("api_key", "near", row) for row in _UNMARKED),
    _aws, _azure_storage, _entra,
)  # fmt: skip
ACCESS_TOKENS: tuple[Maker, ...] = (*(_formed("access_token", "token", row) for row in _TOKENS), _github, _npm, _grafana)
