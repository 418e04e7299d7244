// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// asking is an HTTP request, made by curl.
type asking struct {
	to    destination
	path  string
	args  []string // of curl
	shown []string // headers of the response
	times int

	tls                *tlsAsking // nil: in plain text
	host, method, body string     // for a request over TLS
	header             []string
}

// parseAsking parses PORT [to ADDRESS] [from ADDRESS] PATH and words about the request.
func (s *scenario) parseAsking(w *words) (a asking, err error) {
	a.times = 1
	if a.to, err = s.parseDestination(w); err != nil {
		return a, err
	}
	if a.to.source != "" {
		a.args = append(a.args, "--interface", a.to.source)
	}
	a.path = w.next()
	for {
		switch {
		case w.take("host"):
			a.host = w.next()
			a.args = append(a.args, "--header", "Host: "+a.host)
		case w.take("method"):
			if a.method = w.next(); a.method == "HEAD" {
				a.args = append(a.args, "--head")
			} else {
				a.args = append(a.args, "--request", a.method)
			}
		case w.take("with"):
			a.header = append(a.header, w.next())
			a.args = append(a.args, "--header", a.header[len(a.header)-1])
		case w.take("body"):
			a.body = w.next()
			a.args = append(a.args, "--data-binary", a.body)
		case w.take("tls"):
			if a.tls, err = parseTLS(w); err != nil {
				return a, err
			}
		case w.take("shows"):
			a.shown = append(a.shown, w.next())
		case len(w.rest) > 1 && (w.rest[1] == "times" || w.rest[1] == "time"):
			if a.times, err = w.number(); err != nil {
				return a, err
			}
			w.next()
		default:
			return a, nil
		}
	}
}

// parseGet parses get PORT PATH … [N times].
func parseGet(_ testing.TB, s *scenario, w *words) (action, error) {
	a, err := s.parseAsking(w)
	return func(r *run) outcome {
		var seen []string
		for range a.times {
			o := r.get(a)
			if o.broken {
				return o
			}
			seen = append(seen, o.what)
		}
		return outcome{what: strings.Join(shortened(seen), " "), at: timeless}
	}, err
}

// shortened returns a status that all answers have once.
func shortened(seen []string) []string {
	status, _, _ := strings.Cut(seen[0], " ")
	for _, one := range seen {
		if !strings.HasPrefix(one, status+" ") {
			return seen
		}
	}
	for i := range seen[1:] {
		seen[i+1] = seen[i+1][len(status)+1:]
	}
	return seen
}

// parseAsk parses ask NAME PORT PATH …, which does not wait for the answer.
func parseAsk(_ testing.TB, s *scenario, w *words) (action, error) {
	name := w.next()
	a, err := s.parseAsking(w)
	s.asked[name] = true
	return func(r *run) outcome {
		answer := make(chan outcome, 1)
		r.asked[name] = answer
		go func() { answer <- r.get(a) }()
		return outcome{at: timeless}
	}, err
}

// parseAnswered parses answered NAME, which waits for the answer to ask.
func parseAnswered(_ testing.TB, s *scenario, w *words) (action, error) {
	name := w.next()
	if !s.asked[name] {
		return nil, fmt.Errorf("no request named %s", name)
	}
	return func(r *run) outcome { return <-r.asked[name] }, nil
}

// header matches a line of a response.
var header = regexp.MustCompile(`(?m)^([^:\r\n]+):[ \t]*(.*?)\r?$`)

// get sends a request with curl and returns the status, followed by the target of a redirect, or by
// the body if a server answered, and the headers to show.
func (r *run) get(a asking) outcome {
	if a.tls != nil {
		return r.getTLS(a)
	}
	address := net.JoinHostPort(a.to.host, r.ports[a.to.port])
	args := append([]string{"--silent", "--show-error", "--max-time", "20", "--path-as-is", "--dump-header", "/dev/stderr", "--write-out", "\n%{http_code} %{redirect_url}"}, a.args...)
	var out, headers bytes.Buffer
	cmd := exec.Command("curl", append(args, "http://"+address+a.path)...)
	cmd.Stdout, cmd.Stderr = &out, &headers
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && (exit.ExitCode() == curlNoAnswer || exit.ExitCode() == curlReset) {
			return outcome{what: "closed", at: timeless}
		}
		return failed(errors.New(strings.TrimSpace(headers.String())))
	}
	body, status, _ := strings.Cut(out.String(), "\n")
	status = strings.TrimSpace(status[strings.LastIndex(status, "\n")+1:])
	sent := make(http.Header)
	for _, m := range header.FindAllStringSubmatch(headers.String(), -1) {
		sent.Add(m[1], m[2])
	}
	return outcome{what: strings.ReplaceAll(a.describe(status, body, sent), address, a.to.host), at: timeless}
}

// describe returns a status with the body, if it matters, and the headers to show.
func (a asking) describe(status, body string, sent http.Header) string {
	if strings.HasPrefix(status, "2") || sent.Get("X-Said") != "" {
		status += " " + strings.TrimSpace(body)
	}
	for _, name := range a.shown {
		status += fmt.Sprintf(" %s=%s", name, strings.Join(sent.Values(name), "|"))
	}
	return strings.TrimSpace(status)
}

// Exit codes of curl.
const (
	curlNoAnswer = 52
	curlReset    = 56
)
