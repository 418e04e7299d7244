// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// listOptions are the options that a line of a crt-list may have in brackets.
var listOptions = strings.Fields(`allow-0rtt alpn ca-file ca-verify-file ciphers ciphersuites client-sigalgs crl-file curves ecdhe no-alpn no-ca-names npn ocsp-update
	sigalgs ssl-max-ver ssl-min-ver verify`)

// loadList loads a crt-list: lines of "FILE [\[OPTIONS\]] [NAME|!NAME]...".
func (t *translation) loadList(w serverWord, b *bindTLS, h *tlsHandshake) ([]*certificate, error) {
	name, err := t.absoluteFile(w.value)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, err
	}
	var all []*certificate
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		made, err := t.loadListLine(line, w, b, h)
		if err != nil {
			return nil, fmt.Errorf("parsing line %d of '%s': %w", number, name, err)
		}
		all = append(all, made...)
	}
	return all, nil
}

// loadListLine loads the certificates of a line.
func (t *translation) loadListLine(line string, w serverWord, b *bindTLS, h *tlsHandshake) ([]*certificate, error) {
	head, rest, hasOptions := strings.Cut(line, "[")
	words := strings.Fields(head)
	if len(words) == 0 {
		return nil, errors.New("expected a file before the options")
	}
	if hasOptions {
		options, after, closed := strings.Cut(rest, "]")
		if !closed {
			return nil, errors.New("expected ']' after the options")
		}
		words = append(words[:1], strings.Fields(after)...)
		var err error
		if h, err = t.listHandshake(w, strings.Fields(options), b); err != nil {
			return nil, err
		}
	}
	made, err := t.loadCertificates(serverWord{w.Pos, "crt", words[0]}, b, h)
	if err != nil {
		return nil, err
	}
	return made, filterNames(made, words[1:])
}

// filterNames replaces the names of the certificates of a line by those that it has. * makes them
// the default.
func filterNames(made []*certificate, filters []string) error {
	var names, not []string
	isDefault := false
	for _, filter := range filters {
		name, excluded := strings.CutPrefix(strings.ToLower(filter), "!")
		switch {
		case name == "*":
			isDefault = isDefault || !excluded
		case !isServerName(name) || excluded && name[0] == '*':
			return fmt.Errorf("'%s': expected a name, a wildcard such as *.example.com, or !NAME", filter)
		case excluded:
			not = append(not, name)
		default:
			names = append(names, name)
		}
	}
	for _, c := range made {
		c.not, c.isDefault = not, isDefault
		if len(names) > 0 || isDefault {
			c.names = names
		}
	}
	return nil
}

// listHandshake returns the settings of a line with options. They replace those of the bind line.
func (t *translation) listHandshake(w serverWord, words []string, b *bindTLS) (*tlsHandshake, error) {
	own := new(bindTLS)
	for len(words) > 0 {
		o, known := bindOptions[words[0]]
		if !known || !slices.Contains(listOptions, words[0]) || len(words) <= o.values {
			return nil, fmt.Errorf("unknown option '%s', or one without its value", words[0])
		}
		value := strings.Join(words[1:1+o.values], " ")
		if o.check != nil {
			if err := o.check(value); err != nil {
				return nil, err
			}
		}
		own.takeTLS(&o, serverWord{w.Pos, words[0], value})
		words = words[1+o.values:]
	}
	general := *b
	general.tlsSettings = *b.withDefaults(&t.bindTLS.tlsSettings)
	if len(own.given) == 0 {
		own.given = []serverWord{w}
	}
	h, ok := t.handshake("'crt-list "+w.value+"' : ", own, &general)
	if !ok {
		return nil, errors.New("its options are not available")
	}
	return h, nil
}
