// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"net/http"
	"slices"
	"strings"
)

// An HTTP is a request and its response, in their current state.
type HTTP struct {
	Request *http.Request
	// Status and Header belong to the response; they are zero before it arrives.
	Status int
	Header http.Header
}

// target returns the request's target as sent, or as rewritten by rules.
func (h *HTTP) target() string { return h.Request.RequestURI }

// authority returns the host of an absolute target, and the rest of the target.
func (h *HTTP) authority() (host, rest string) {
	target := h.target()
	_, after, absolute := strings.Cut(target, "://")
	if !absolute || strings.HasPrefix(target, "/") {
		return "", target
	}
	if slash := strings.IndexByte(after, '/'); slash >= 0 {
		return after[:slash], after[slash:]
	}
	return after, "/"
}

// path returns the path of the target, still escaped; "" for "*".
func (h *HTTP) path() string {
	_, rest := h.authority()
	path, _, _ := strings.Cut(rest, "?")
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	return path
}

// query returns the part of the target after the question mark.
func (h *HTTP) query() string {
	_, query, _ := strings.Cut(h.target(), "?")
	return query
}

// lines returns the lines of a header of the request or the response. Without a name it returns all
// lines.
func (h *HTTP) lines(response bool, name string) []string {
	from := h.Header
	if !response {
		from = h.Request.Header
		if strings.EqualFold(name, "host") {
			if h.Request.Host == "" {
				return nil
			}
			return []string{h.Request.Host}
		}
	}
	if name != "" {
		return from[http.CanonicalHeaderKey(name)]
	}
	var all []string
	if !response && h.Request.Host != "" {
		all = append(all, h.Request.Host)
	}
	for _, lines := range from {
		all = append(all, lines...)
	}
	return all
}

// commaValues splits header lines at their commas, except those inside quotes.
func commaValues(lines []string) []string {
	var values []string
	for _, line := range lines {
		values = append(values, SplitHeader(line)...)
	}
	return values
}

// cookies returns the values of a cookie in Cookie or Set-Cookie lines.
func (h *HTTP) cookies(response bool, name string) []string {
	header := "Cookie"
	if response {
		header = "Set-Cookie"
	}
	var values []string
	for _, line := range h.lines(response, header) {
		if response {
			line, _, _ = strings.Cut(line, ";")
		}
		for pair := range strings.SplitSeq(line, ";") {
			key, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if ok && (name == "" || strings.TrimRight(key, " \t") == name) {
				values = append(values, strings.Trim(strings.TrimLeft(value, " \t"), `"`))
			}
		}
	}
	return values
}

// params returns the values of a parameter in the query, still escaped.
func (h *HTTP) params(name, delimiter string) []string {
	query := h.query()
	if delimiter != "" {
		_, query, _ = strings.Cut(h.target(), delimiter)
	}
	var values []string
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		if key, value, ok := strings.Cut(pair, "="); ok && (name == "" || key == name) {
			values = append(values, value)
		}
	}
	return values
}

// A stage is the part of an exchange that an HTTP fetch examines.
type stage uint8

const (
	atAnyTime  stage = iota // the request line: its method and target are kept
	inRequest               // the request, which is gone when the response arrives
	inResponse              // the response
)

// httpFetches examine HTTP; see [Loader.HTTP].
var httpFetches = collect(requestLineFetches, urlFetches(), headerFetches(), tlsHTTPFetches())

// httpFetch returns the HTTP variant of a fetch. differs is false if it has none.
func httpFetch(name string, otherwise fetch) (f fetch, differs bool, err error) {
	if f, known := httpFetches[name]; known {
		return f, true, nil
	}
	if otherwise.needs&(NeedsRequest|NeedsResponse) != 0 {
		return fetch{}, true, &Unsupported{"fetch method '" + name + "'", "it examines a connection's first bytes, and this is an HTTP request"}
	}
	if otherwise.termination && !strings.HasPrefix(name, "ssl_b") && !strings.HasPrefix(name, "ssl_s_") {
		return fetch{}, true, &Unsupported{"fetch method '" + name + "'", "Go's TLS does not provide it; see ssl_fc_protocol, ssl_fc_cipher and ssl_c_s_dn"}
	}
	if isOfConnection(name) {
		return fetch{}, true, &Unsupported{"fetch method '" + name + "'", "Caddy's http app has only the client's addresses, which are those of a PROXY header if there was one: see src and dst"}
	}
	return fetch{}, false, nil
}

// isOfConnection reports whether a fetch examines the PROXY header of a connection, or the
// connection's own addresses.
func isOfConnection(name string) bool {
	_, ofHeader := proxyFetches[name]
	return ofHeader || slices.Contains([]string{"fc_src", "fc_src_port", "fc_dst", "fc_dst_port"}, name)
}

// validateFetch returns an error for a fetch that cannot be used.
func (l *Loader) validateFetch(name string) error {
	_, err := l.fetch(name)
	return err
}

// fromHTTP returns the build function of a fetch without arguments that examines HTTP.
func fromHTTP(f func(h *HTTP) result) func(args) (fetchFunc, error) {
	return withoutArgs(func(in *Input) result {
		if in.HTTP == nil {
			return noValue
		}
		return f(in.HTTP)
	})
}

func textOrNothing(s string) result {
	if s == "" {
		return noValue
	}
	return found(Text(s))
}
