// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// headerMethods are the ways to compare names and values of headers.
var headerMethods = []string{"str", "beg", "end", "sub", "reg"}

// header reads "name[-lf] [-m METHOD] NAME [value[-lf] [-m METHOD] VALUE]".
func (e *expectation) header(kind string) (err error) {
	h := &checks.HeaderPattern{Whole: kind == "fhdr"}
	e.Header = h
	word := e.take()
	if word != "name" && word != "name-lf" {
		return fmt.Errorf("'%s' expects the 'name' keyword as first argument followed by a pattern", kind)
	}
	text, format, method, err := e.matched(kind, word)
	if err != nil {
		return err
	}
	h.Name, h.NameFormat, h.NameMatch = text, format, method
	if len(e.words) == 0 || e.words[0] != "value" && e.words[0] != "value-lf" {
		return nil
	}
	h.Value, h.ValueFormat, h.ValueMatch, err = e.matched(kind, e.take())
	return err
}

// matched reads "[-m METHOD] PATTERN", which follows a word.
func (e *expectation) matched(kind, word string) (text, format, method string, err error) {
	if len(e.words) > 0 && e.words[0] == "-m" {
		if e.take(); len(e.words) == 0 {
			return "", "", "", fmt.Errorf("'%s' : '-m' expects a matching pattern ('str', 'beg', 'end', 'sub' or 'reg')", kind)
		}
		if method = e.take(); !slices.Contains(headerMethods, method) {
			return "", "", "", fmt.Errorf("'%s' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '%s')", kind, method)
		}
	}
	if len(e.words) == 0 {
		return "", "", "", fmt.Errorf("'%s' expects a pattern with the %s keyword", kind, word)
	}
	pattern := e.take()
	if method == "reg" {
		if strings.HasSuffix(word, "-lf") {
			return "", "", "", fmt.Errorf("'%s': log-format string is not supported with a regex matching method", kind)
		}
		return pattern, "", method, validRegexp(pattern)
	}
	if method == "str" {
		method = ""
	}
	if !strings.HasSuffix(word, "-lf") {
		return pattern, "", method, nil
	}
	_, err = e.parseCheckFormat(pattern)
	return "", pattern, method, err
}
