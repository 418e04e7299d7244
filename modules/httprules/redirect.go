// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Redirect sends a client to another target.
type Redirect struct {
	// Kind is location (To is the whole target), prefix (To precedes the path) or scheme (To is the
	// scheme; host and path stay).
	Kind string `json:"kind"`

	// To is a log format.
	To string `json:"to"`

	// Code is 301, 302, 303, 307 or 308. Default: 302.
	Code int `json:"code,omitempty"`

	// DropQuery omits the query of prefix and scheme, KeepQuery adds it to location.
	DropQuery bool `json:"drop_query,omitempty"`
	KeepQuery bool `json:"keep_query,omitempty"`

	// AppendSlash adds a slash to a path that does not end with one.
	AppendSlash bool `json:"append_slash,omitempty"`

	// IgnoreEmpty skips the rule if To evaluates to nothing.
	IgnoreEmpty bool `json:"ignore_empty,omitempty"`

	// Cookie is a Set-Cookie line of the response.
	Cookie string `json:"cookie,omitempty"`

	to *sample.Format
}

func (d *Redirect) provision(loader *sample.Loader) (err error) {
	if d == nil {
		return errors.New("expected a redirect")
	}
	if !slices.Contains([]string{"location", "prefix", "scheme"}, d.Kind) {
		return fmt.Errorf("redirect: unknown kind %q: expected location, prefix or scheme", d.Kind)
	}
	d.to, err = loader.Format(d.To)
	return err
}

// answer returns the response, or nil if the rule is skipped.
func (d *Redirect) answer(t *Transaction) *answer {
	to := d.to.String(&t.input)
	if to == "" && d.IgnoreEmpty {
		return nil
	}
	code := cmp.Or(d.Code, http.StatusFound)
	a := &answer{status: code, header: http.Header{"Location": {d.location(t, to)}, "Content-Length": {"0"}, "Content-Type": nil}}
	if slices.Contains([]int{http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect}, code) {
		a.header.Set("Cache-Control", "no-cache")
	}
	if d.Cookie != "" {
		a.header.Set("Set-Cookie", d.Cookie)
	}
	return a
}

// location returns the target of a redirect whose format has the value to.
func (d *Redirect) location(t *Transaction, to string) string {
	switch {
	case d.Kind == "scheme":
		return to + "://" + t.request.Host + d.path(t)
	case d.Kind == "prefix" && to == "/":
		return d.path(t)
	case d.Kind == "prefix":
		return to + d.path(t)
	}
	_, query, has := strings.Cut(t.request.RequestURI, "?")
	if !has || !d.KeepQuery {
		return to
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	return to + separator + query
}

// path returns the path that prefix and scheme keep, with its query unless that is dropped.
func (d *Redirect) path(t *Transaction) string {
	path := t.path()
	if d.AppendSlash && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	if _, query, has := strings.Cut(t.request.RequestURI, "?"); has && !d.DropQuery {
		path += "?" + query
	}
	return path
}
