// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// placeholder matches a placeholder.
var placeholder = regexp.MustCompile(`\{[a-zA-Z0-9_.-]+\}`)

// IsTemplate reports whether a backend's name or a server's address has
// placeholders.
func IsTemplate(s string) bool { return strings.Contains(s, "{") }

// ValidateNameTemplate validates a name that may have placeholders.
func ValidateNameTemplate(name string) error {
	if err := ValidateName(placeholder.ReplaceAllString(name, "x")); err != nil {
		return fmt.Errorf("name %q: expected letters, digits, any of -_.: and placeholders such as {l4.client_hello.sni}, nothing else", name)
	}
	return options.ValidatePlaceholders(name)
}

// validateAddressTemplate validates an address with placeholders.
func validateAddressTemplate(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		err = validateFilledAddress(net.JoinHostPort(placeholder.ReplaceAllString(host, "x"), placeholder.ReplaceAllString(port, "1")))
	}
	if err != nil {
		return fmt.Errorf("address %q: expected HOST:PORT, with placeholders such as {l4.client_hello.sni}:443", address)
	}
	return nil
}

// FillAddress returns the server's address with a connection's placeholders replaced. If the client
// can influence the host, the result must be a host name: IP addresses in any notation are
// rejected.
func FillAddress(template string, repl *caddy.Replacer) (string, error) {
	host, port, err := net.SplitHostPort(template)
	if err != nil {
		return "", fmt.Errorf("server address %q: %w", template, err)
	}
	filled := repl.ReplaceAll(host, "")
	if IsTemplate(host) {
		if err := ValidateHostName(filled); err != nil {
			return "", fmt.Errorf("server address %q: %w", template, err)
		}
	}
	address := net.JoinHostPort(filled, repl.ReplaceAll(port, ""))
	if err := validateFilledAddress(address); err != nil {
		return "", fmt.Errorf("server address %q: %w", template, err)
	}
	return address, nil
}

// ValidateHostName returns an error if a host that a client chooses is not the name of a host: IP
// addresses in any notation are refused.
func ValidateHostName(host string) error {
	if _, err := netip.ParseAddr(host); err == nil || endsInNumber(host) {
		return fmt.Errorf("host %q: an address, expected a name", host)
	}
	if normalized, err := names.Validate(host); err != nil || normalized[0] == '.' || normalized[0] == '*' {
		return fmt.Errorf("host %q: not the name of a host", host)
	}
	return nil
}

// endsInNumber reports whether some resolvers would take host for an IPv4 address: 127.1,
// 0x7f.0.0.1, 2130706433. It is the check of that name in the URL standard (WHATWG); no top-level
// domain is a number.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if digits, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
