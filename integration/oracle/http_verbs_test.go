// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"net"
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
			a.args = append(a.args, "--header", "Host: "+w.next())
		case w.take("method"):
			if method := w.next(); method == "HEAD" {
				a.args = append(a.args, "--head")
			} else {
				a.args = append(a.args, "--request", method)
			}
		case w.take("with"):
			a.args = append(a.args, "--header", w.next())
		case w.take("body"):
			a.args = append(a.args, "--data-binary", w.next())
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
	sent := make(map[string][]string)
	for _, m := range header.FindAllStringSubmatch(headers.String(), -1) {
		name := strings.ToLower(m[1])
		sent[name] = append(sent[name], m[2])
	}
	if strings.HasPrefix(status, "2") || sent["x-said"] != nil {
		status += " " + strings.TrimSpace(body)
	}
	for _, name := range a.shown {
		status += fmt.Sprintf(" %s=%s", name, strings.Join(sent[strings.ToLower(name)], "|"))
	}
	status = strings.ReplaceAll(status, address, a.to.host)
	return outcome{what: strings.TrimSpace(status), at: timeless}
}

// Exit codes of curl.
const (
	curlNoAnswer = 52
	curlReset    = 56
)
