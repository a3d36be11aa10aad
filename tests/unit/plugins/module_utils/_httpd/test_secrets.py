# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.secrets import (
    MASK,
    masked,
    masked_arguments,
    masked_file,
    masked_url,
    secret_values,
    secrets,
    url_secrets,
)

# Each has the secret hunter2, and shows what is left.
SECRET = [
    ('RequestHeader set Authorization "Basic hunter2"', "Authorization"),
    ("RequestHeader set X-Auth hunter2", "X-Auth"),
    ("RequestHeader add X-Pass: hunter2 early", "early"),
    ("RequestHeader set X-Signature hunter2 env=signed", "env=signed"),
    ("RequestHeader setifempty X-Api-Key 'hunter2'", "X-Api-Key"),
    ("RequestHeader edit X-Auth-Token ^$ hunter2", "^$"),
    ("RequestHeader set Cookie 'session=hunter2; lang=%{LANG}e'", "lang=%{LANG}e"),
    ("Header always set Set-Cookie 'sid=hunter2; Path=/; Secure'", "; Path=/; Secure"),
    ("SetEnv DB_PASSWORD hunter2", "DB_PASSWORD"),
    ("SetEnv PGPW hunter2", "PGPW"),
    ('SetEnv PGPASSWORD "it is hunter2"', "PGPASSWORD"),
    ("SetEnvIf Host .* API_TOKEN=hunter2", "API_TOKEN"),
    ('SetEnvIf Host .* "API_TOKEN=it is hunter2"', '.* "API_TOKEN='),
    ("SetEnvIf X-Api-Key ^hunter2$ known", "known"),
    ("Define DB_SECRET hunter2", "DB_SECRET"),
    ('ProxyFCGISetEnvIf "true" DB_PASS hunter2', '"true" DB_PASS'),
    ("php_admin_value app.password hunter2", "app.password"),
    ("php_value app.password hunter2", "app.password"),
    ("FcgidInitialEnv DB_PASSWORD hunter2", "DB_PASSWORD"),
    ("PassengerEnvVar DB_PASSWORD hunter2", "DB_PASSWORD"),
    ("MDExternalAccountBinding kid hunter2", "MDExternalAccountBinding kid"),
    ("SSLSRPUnknownUserSeed hunter2", "SSLSRPUnknownUserSeed"),
    ("BalancerMember ajp://h secret=hunter2 route=a", "route=a"),
    ('BalancerMember ajp://h "secret=it is hunter2" route=a', "route=a"),
    ("BalancerMember http://h hcuri=/up?a=b&token=hunter2&c=d", "a=b&token=********&c=d"),
    ("BalancerMember http://h hcuri=/up?token=hunter2 route=a", "?token=******** route=a"),
    ("BalancerMember http://user:hunter2@h/ route=a", "http://********@h/ route=a"),
    ("ProxySet nonce=hunter2", "nonce="),
    ("ProxySet nonce=zhunter2", "nonce="),
    ("RewriteCond %{QUERY_STRING} (^|&)token=hunter2(&|$)", "%{QUERY_STRING}"),
    ("RewriteCond %{HTTP:X-Token} !=hunter2", "%{HTTP:X-Token}"),
    ("RewriteCond %{HTTP_COOKIE} letmein=hunter2", "letmein="),
    ("RewriteRule ^ - [E=DB_PASSWORD:hunter2,L]", ",L]"),
    ('CustomLog "|/usr/bin/ship --password=hunter2 --to x" combined', '--to x" combined'),
    ('CustomLog "|/usr/bin/ship --password hunter2 --to x" combined', '--to x" combined'),
    ('ErrorLog "|/usr/bin/curl -u me:hunter2 https://log"', "https://log"),
    (
        "CustomLog \"|/usr/bin/curl -H 'Authorization: Bearer hunter2' https://log\" combined",
        "' https://log\" combined",
    ),
    ('RewriteMap map "prg:/usr/bin/map --token hunter2"', '********"'),
    ("SetEnv dbpass hunter2", "dbpass"),
    ("AuthLDAPBindPassword hunter2", "AuthLDAPBindPassword"),
    ("SessionCryptoPassphrase hunter2", "SessionCryptoPassphrase"),
    ("AuthBasicFake me hunter2", "me"),
    ('DBDParams "host=db password=hunter2 user=me"', "user=me"),
    ("<If \"%{HTTP:X-Api-Key} == 'hunter2'\">", "%{HTTP:X-Api-Key} =="),
    ("Require expr req('Authorization') == 'Basic hunter2'", "req('Authorization')"),
    ("Require expr \"'hunter2' == %{HTTP:X-Shared-Secret}\"", "== %{HTTP:X-Shared-Secret}"),
    ("Require expr \"'hunter2' != req('X-Api-Key')\"", "!= req('X-Api-Key')"),
    ("Require expr \"%{HTTP:X-Token} in {'hunter2'}\"", "%{HTTP:X-Token} in {'********'}"),
    (
        "Require expr \"%{HTTP:X-Token} in {'hunter2','hunter2b'}\"",
        "in {'********','********'}",
    ),
    ("Require expr %{HTTP_COOKIE} =~ /sid=hunter2/", "%{HTTP_COOKIE} =~ /sid="),
    ("Require expr \"req('Cookie') == 'a=1; sid=hunter2'\"", "sid="),
    ("RewriteCond %{HTTP:Authorization} !^Bearer\\ hunter2$ [NC]", "!^Bearer\\ ******** [NC]"),
    ("RewriteCond %{HTTP_COOKIE} a=1;\\ sid=hunter2", "sid="),
    ("RequestHeader set Ocp-Apim-Subscription-Key hunter2", "Ocp-Apim-Subscription-Key"),
    ("RequestHeader set X-Gateway-Key hunter2", "X-Gateway-Key"),
    ("Header set X-Subscription-Key hunter2", "X-Subscription-Key"),
    ("SetEnvIf X-Gateway-Key ^hunter2$ known", "known"),
    ("RewriteCond %{HTTP:X-Gateway-Key} =hunter2", "%{HTTP:X-Gateway-Key}"),
    ("<If \"%{HTTP:X-Gateway-Key} == 'hunter2'\">", "%{HTTP:X-Gateway-Key} =="),
    ('RequestHeader set X-Api-Key "expr=%{base64:hunter2}"', "X-Api-Key"),
    ("# RequestHeader set Authorization hunter2", "# RequestHeader set Authorization"),
    ("RequestHeader set X-Auth \\\n    hunter2", "X-Auth"),
]


@pytest.mark.parametrize(("line", "left"), SECRET, ids=[line for line, dummy in SECRET])
def test_a_secret_is_masked_and_the_rest_is_left(line, left):
    hidden = masked_file(f"A b\n{line}\nC d\n")
    assert "hunter2" not in hidden
    assert MASK in hidden and left in hidden
    assert hidden.startswith("A b\n") and hidden.endswith("\nC d\n")
    assert any("hunter2" in secret for secret in secrets(line))


@pytest.mark.parametrize(
    "line",
    [
        "ProxySet nonce=None stickysession=token|token",
        'ProxySet "nonce=None"',
        "BalancerMember http://h route=a hcuri=/up?all=1",
        'Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED',
        "Header edit Set-Cookie ^(.*)$ $1;HttpOnly;Secure",
        "Header edit Set-Cookie Path=/app Path=/",
        "RequestHeader set X-Forwarded-Proto https",
        "RequestHeader unset Authorization",
        *("Header", "Header always", "Header set", "Header always set"),
        "RequestHeader set X-Auth-User %{REMOTE_USER}s",
        'RequestHeader set Authorization "Bearer %{TOKEN}e" env=TOKEN',
        'RequestHeader set X-Token "expr=%{HTTP:X-Other}"',
        'RequestHeader set X-Token "expr=%{base64:%{REMOTE_USER}}"',
        'RequestHeader set X-Token "%{TOKEN}e" "expr=%{REQUEST_URI} == \'/token\'"',
        "RequestHeader unset X-Token \"expr=%{REQUEST_URI} == '/app'\"",
        "Require expr \"%{REQUEST_METHOD} in {'PUT','POST'}\"",
        "Require expr \"%{HTTP:X-Token} == '' && 'PUT' == %{REQUEST_METHOD}\"",
        "RewriteCond %{HTTP:Authorization} !^Bearer\\ [a-z]+$ [NC]",
        "SetEnv CACHE_KEY shop",
        'SetEnvIf Authorization "(.*)" HTTP_AUTHORIZATION=$1',
        "SetEnvIf Authorization ^Bearer.[a-z0-9]+$ has_token",
        "SetEnv proxy-nokeepalive 1",
        "SetEnv BYPASS_CACHE always",
        "SetEnv MAX_TOKEN 10",
        "SetEnvIfExpr \"%{HTTP_COOKIE} -strmatch '*'\" customer=known",
        "SetEnv TOKEN_FILE /etc/app/token",
        "SetEnv SSL_KEY /etc/ssl/private/app.pem",
        "RewriteCond %{QUERY_STRING} token=([^&]+)",
        "RewriteCond %{HTTP:Authorization} ^(.*)",
        "RewriteRule ^ - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
        "RewriteRule ^ - [E=answer:secret]",
        "SetEnvIfExpr \"%{HTTP:X-Token} -strmatch '*'\" customer=known",
        'LogMessage "%{HTTP:X-Token} was sent" hook=all',
        'LogMessage "%{HTTP_COOKIE} was sent" hook=all',
        'CustomLog "|/usr/bin/ship --format secret" combined',
        "CustomLog \"|/usr/bin/curl -H 'Accept: secret' https://log\" combined",
        'RequestHeader set X-Token "%{}e%{}e%{}e"',
        "ProxyPass /password balancer://shop/password",
        "ServerTokens Prod",
        "SSLCertificateKeyFile /etc/ssl/private/app.key",
        "SSLPassPhraseDialog exec:/etc/ssl/ask",
        "AuthLDAPBindPassword exec:/etc/app/password",
        'Header set Access-Control-Allow-Headers "Authorization, X-Api-Key"',
        'LogFormat "%{X-Token}i %{Authorization}i pass=%{pass}e" mine',
    ],
)
def test_what_is_no_secret_is_left(line):
    assert masked_file(line) == line
    assert secrets(line) == set()


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("# SetEnv DB_PASSWORD hunter2", "# SetEnv DB_PASSWORD ********"),
        ("   SetEnv DB_PASSWORD hunter2", "   SetEnv DB_PASSWORD ********"),
        ("#" * 40 + " SetEnv DB_PASSWORD hunter2", "#" * 40 + " SetEnv DB_PASSWORD ********"),
        ("RewriteCond api:%{HTTP:X-Token} =hunter2", "RewriteCond api:%{HTTP:X-Token} ********"),
        (
            "RewriteCond expr \"%{HTTP:X-Token} == 'hunter2'\"",
            "RewriteCond expr \"%{HTTP:X-Token} == '********'\"",
        ),
        (
            "RewriteCond known=here%{HTTP_COOKIE} sid=hunter2",
            "RewriteCond known=here%{HTTP_COOKIE} sid=********",
        ),
    ],
)
def test_nothing_but_the_secret_is_masked(line, hidden):
    assert masked_file(line) == hidden


def test_arguments_are_masked_by_their_directive():
    assert masked_arguments("SetEnv", 'DB_PASSWORD "a b c"') == f'DB_PASSWORD "{MASK}"'
    assert masked_arguments("AuthLDAPBindPassword", "hunter2") == MASK
    assert masked_arguments("Header", "set Via shop") == "set Via shop"


@pytest.mark.parametrize("name", [row.name for row in (*MEMBER.values(), *BALANCER.values())])
def test_parameters_are_masked_that_the_table_calls_secret(name):
    secret = {**MEMBER, **BALANCER}[name].secret
    assert masked_arguments("ProxySet", f"{name}=abcd") == f"{name}={MASK if secret else 'abcd'}"


def test_a_message_is_masked():
    text = "member http://u:PW@DZ1@h: secret=abc is not possible: too long"
    assert masked(text) == f"member http://{MASK}@h: secret={MASK} is not possible: too long"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('not "secret=it is hunter2", but', 'not "secret=********", but'),
        ("not 'secret=zero or one', but", "not 'secret=********', but"),
        ('not "nonce=None", but', 'not "nonce=None", but'),
        ("curl -u me:hunter2 https://log", "curl -u ******** https://log"),
        ("secret=ab is too short", "secret=******** is too short"),
    ],
)
def test_in_a_message_nothing_but_the_secret_is_masked(text, hidden):
    assert masked(text) == hidden


def test_a_message_that_begins_with_a_secret_is_masked():
    assert masked("secret=abc is too long") == f"secret={MASK} is too long"


def test_a_pair_within_a_secret_is_a_part_of_it():
    assert masked("up?token=password=abc") == f"up?token={MASK}"
    assert secrets("up?token=password=abc") == {"password=abc"}


def test_the_secrets_of_a_text_are_known_as_they_stand():
    text = "BalancerMember http://u:p@h secret=abc\nProxySet nonce=None"
    assert secrets(text) == {"u:p", "p", "abc"}


def test_the_values_of_secret_variables_are_known():
    variables = {
        "DB_PASSWORD": "hunter2",
        "SHOP": "shop",
        "USE_TOKEN": "on",
        "KEY": "/etc/a.key",
        "PWD": "/root",
    }
    assert secret_values(variables) == {"hunter2"}


@given(st.from_regex(r"[A-Za-z][^\s@=%(]*", fullmatch=True))
def test_nothing_is_secret_in_an_address_without_a_user_and_parameters(address: str) -> None:
    assert secrets(address) == set()
    assert masked_file(address) == address


@pytest.mark.parametrize("secret", ["u:hunter2@", "?token=hunter2", " --password hunter2"])
def test_what_is_added_to_an_address_may_be_secret(secret: str) -> None:
    assert "hunter2" in str(secrets("http://10.0.0.1:80/".replace("//", "//" + secret)))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:word@h/", "http://********@h/"),
        ("https://me:word@h/", "https://********@h/"),
        ("//me:word@h/", "//********@h/"),
        ("http://me:wo@rd@h/", "http://********@h/"),
        ("http://me:wo//rd@h/", "http://********@h/"),
        ("me:word@h", "********@h"),
        ("me:word@http://@h", "********@h"),
        ("http://h/a@b", "http://********@b"),
        ("http://h/", "http://h/"),
        ("@h", "@h"),
    ],
)
def test_of_a_url_all_before_the_host_is_masked(url, shown):
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://me:word@h/", {"word", "me:word"}),
        ("http://me:wo/rd@h/", {"wo/rd"}),
        ("http://me:wo rd@h/", {"wo rd"}),
        ("me:word@h", {"word"}),
        ("me:wor@h", set()),
        ("http://h/up?token=hunter2", {"hunter2"}),
        # A part of a path that is hidden wherever it stands would hide too much.
        ("http://h/a:b@c", set()),
        ("http://h:8080/", set()),
    ],
)
def test_what_is_masked_in_a_url_is_a_secret_everywhere(url, found):
    assert url_secrets(url) == found
