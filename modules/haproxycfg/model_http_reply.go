// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
)

// errorStatuses are the statuses that HAProxy has error pages for.
var errorStatuses = []int{200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504}

func parseStatusCode(status *int, text string) error {
	n, err := haproxyfile.ParseUint(text, 100, 999)
	if err != nil {
		return fmt.Errorf("'%s': expected a status from 100 to 999", text)
	}
	*status = int(n)
	return nil
}

// parseDeny reads "[deny_status CODE | status CODE] [content]". The older word sends the error page
// of the status, the newer one a reply of its own.
func parseDeny(t *translation, l *ruleLine) (err error) {
	older := len(l.words) == 2 && l.words[0] == "deny_status"
	if older {
		l.words[0] = "status"
	}
	if l.Reply, err = t.reply(l); err != nil {
		return err
	}
	switch as := older || slices.Contains(l.words, "default-errorfiles"); {
	case as && !l.Reply.Plain && l.Reply.Status != 0 && !slices.Contains(errorStatuses, l.Reply.Status):
		return fmt.Errorf("status code '%d' not handled by default with 'default-errorfiles' argument", l.Reply.Status)
	case !as && l.Reply.Status != 0:
		l.Reply.Plain = true
	}
	return nil
}

// parseReturn reads "[status CODE] [content]".
func parseReturn(t *translation, l *ruleLine) (err error) {
	l.Reply, err = t.reply(l)
	if err != nil {
		return err
	}
	if !l.Reply.Plain && slices.Contains(l.words, "default-errorfiles") {
		l.Action = "deny" // sends an error page
		if l.Reply.Status == 0 {
			l.Reply.Status = http.StatusOK
		}
		return nil
	}
	l.Reply.Plain = true
	return nil
}

// reply reads "[status CODE] [content-type TYPE] [string|lf-string TEXT | file|lf-file
// FILE | errorfile FILE | default-errorfiles] [hdr NAME FORMAT]...".
func (t *translation) reply(l *ruleLine) (*httprules.Reply, error) {
	r, words := new(httprules.Reply), l.words
	for len(words) > 0 {
		word := words[0]
		n := map[string]int{"default-errorfiles": 1, "hdr": 3}[word]
		if n == 0 {
			n = 2
		}
		if len(words) < n {
			return r, fmt.Errorf("'%s' expects an argument", word)
		}
		if err := t.replyWord(l, r, words[:n]); err != nil {
			return r, err
		}
		words = words[n:]
	}
	if r.ContentType == "" && (r.Body != "" || r.File != "") {
		return r, errors.New("a content type must be defined when there is a body: expected content-type TYPE")
	}
	return r, nil
}

func (t *translation) replyWord(l *ruleLine, r *httprules.Reply, words []string) (err error) {
	switch words[0] {
	case "status":
		return parseStatusCode(&r.Status, words[1])
	case "content-type":
		r.ContentType = words[1]
	case "string":
		r.Body = words[1]
	case "lf-string":
		r.Formatted = true
		r.Body, err = t.format(l, words[1])
	case "file", "lf-file":
		r.Formatted = words[0] == "lf-file"
		err = t.replyFile(l, r, words[1])
	case "errorfile":
		r.ErrorFile, err = t.findErrorFile(words[1])
	case "hdr":
		h := &httprules.Header{Name: words[1]}
		h.Value, err = t.format(l, words[2])
		r.Headers = append(r.Headers, h)
	case "default-errorfiles":
		return nil
	case "errorfiles":
		return errors.New("'errorfiles': sections 'http-errors' are not available: expected errorfile")
	default:
		return fmt.Errorf("unknown argument '%s': expected status, content-type, string, lf-string, file, lf-file, errorfile, default-errorfiles or hdr", words[0])
	}
	r.Plain = true
	return err
}

// replyFile sets the file with the body of a reply, which may be a log format.
func (t *translation) replyFile(l *ruleLine, r *httprules.Reply, name string) (err error) {
	if r.File, err = t.absoluteFile(name); err != nil {
		return err
	}
	text, err := os.ReadFile(r.File)
	if err == nil && r.Formatted {
		_, err = t.format(l, string(text))
	}
	return err
}

// findErrorFile returns the absolute name of a file that holds a whole response, and validates it.
func (t *translation) findErrorFile(name string) (string, error) {
	name, err := t.absoluteFile(name)
	if err != nil {
		return "", err
	}
	return name, httprules.ValidateErrorFile(name)
}

// errorFile reads "errorfile CODE FILE".
func errorFile(t *translation, p *proxy, s statement) {
	status, ok := t.errorStatus(p, s)
	if !ok {
		return
	}
	name, err := t.findErrorFile(s.args[1])
	if err != nil {
		t.errorf(s.Pos, "'%s' in %s: custom error message file '%s': %v", s.keyword, p, s.args[1], err)
		return
	}
	p.setError(status, &httprules.Reply{ErrorFile: name, Plain: true})
}

// errorLocation reads "errorloc CODE URL" and its variants.
func errorLocation(t *translation, p *proxy, s statement) {
	status, ok := t.errorStatus(p, s)
	if !ok {
		return
	}
	code := http.StatusFound
	if s.keyword == "errorloc303" {
		code = http.StatusSeeOther
	}
	p.setError(status, &httprules.Reply{Status: code, Location: s.args[1], Plain: true})
}

// errorStatus reads the status, the first of two arguments.
func (t *translation) errorStatus(p *proxy, s statement) (status int, ok bool) {
	if len(s.args) != 2 {
		t.errorf(s.Pos, "'%s' in %s expects a status and a file or an address", s.keyword, p)
		return 0, false
	}
	status, err := strconv.Atoi(s.args[0])
	if err != nil || !slices.Contains(errorStatuses, status) {
		t.warnf(s.Pos, "'%s' in %s: status code '%s' is not one that HAProxy answers with; ignored, as HAProxy does", s.keyword, p, s.args[0])
		return 0, false
	}
	return status, true
}

// httpError reads "http-error status CODE [content]".
func httpError(t *translation, p *proxy, s statement) {
	l := &ruleLine{Rule: new(httprules.Rule), statement: s, p: p, direction: ofRequest, words: s.args}
	r, err := t.reply(l)
	switch {
	case err != nil:
	case r.Status == 0:
		err = errors.New("expects a status")
	case !slices.Contains(errorStatuses, r.Status):
		err = fmt.Errorf("status code '%d' is not one that HAProxy answers with: expected one of %s", r.Status, strings.Trim(fmt.Sprint(errorStatuses), "[]"))
	}
	if err != nil {
		t.errorf(s.Pos, "'%s' in %s: %v", s.keyword, p, unavailable(err))
		return
	}
	p.setError(r.Status, r)
}

// setError sets the reply to an error. It clones the map, which may be shared with defaults.
func (p *proxy) setError(status int, r *httprules.Reply) {
	errors := maps.Clone(p.httpOptions.errors)
	if errors == nil {
		errors = make(map[int]*httprules.Reply)
	}
	errors[status] = r
	p.httpOptions.errors = errors
}
