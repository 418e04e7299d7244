// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// logging holds the options about the log that a section inherits.
type logging struct {
	format, structured, failed lineFormat // log-format, log-format-sd, error-log-format
	tcplog                     bool       // option tcplog is the format

	asap, nullNo, normalNo, separate bool // the options of these names
	steps                            []string
	slots                            int // of what rules capture
}

// lineFormat is a format and its line.
type lineFormat struct {
	haproxyfile.Pos
	text     string   // without brackets of expressions that are not available
	missing  []string // the expressions that are not available
	captures bool     // it has what rules have captured
	atEnd    bool     // it has something that is known only when the connection ends
}

const (
	clfFormat     = `%{+Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %tsc %ac %fc %bc %sc %rc %sq %bq "" "" `
	connectFormat = "Connect from %ci:%cp to %fi:%fp (%f/TCP)"
	noteLogSteps  = "the steps request and response have no line, as in HAProxy's mode tcp"
	noteNoFetch   = "it is logged as '-'"
	noValue       = "[var(txn.not_available)]"
)

// setLogFormat reads a format into one of the fields of logging.
func setLogFormat(field func(*logging) *lineFormat) func(*translation, *proxy, statement) {
	return func(t *translation, p *proxy, s statement) {
		f, err := t.readFullFormat(p, s, s.args[0])
		if err != nil {
			t.errorf(s.Pos, "failed to parse log-format : %v, in %s", err, p)
			return
		}
		for _, word := range f.missing {
			t.notice(s.Pos, differs, noteNoFetch, word)
		}
		*field(&p.logging) = f
		if field(&p.logging) == &p.logging.format {
			p.logging.tcplog = false
		}
	}
}

// readFullFormat reads a format that may have whatever HAProxy allows in lines of the log.
func (t *translation) readFullFormat(p *proxy, s statement, text string) (lineFormat, error) {
	text, err := sample.RewriteFormatFiles(text, t.absoluteFile)
	if err != nil {
		return lineFormat{}, err
	}
	var missing [][2]int
	f, err := logformat.Parse(t.loader, text, logformat.Options{Check: func(text string, at [2]int, e *sample.Expression, err error) error {
		if e == nil {
			missing = append(missing, at)
			return nil
		}
		return t.checkLogExpression(p, s, text, e)
	}})
	if err != nil {
		return lineFormat{}, err
	}
	var words []string
	for _, at := range slices.Backward(missing) {
		words = append(words, text[at[0]:at[1]])
		text = text[:at[0]] + noValue + text[at[1]:]
	}
	return lineFormat{s.Pos, text, words, f.UsesCaptures(), f.NeedsEnd()}, nil
}

// checkLogExpression checks an expression. When a line is logged, the data from the client are no
// longer available.
func (t *translation) checkLogExpression(p *proxy, s statement, text string, e *sample.Expression) error {
	if lacks := e.Needs() & (sample.NeedsRequest | sample.NeedsResponse); lacks != 0 {
		return fmt.Errorf("sample fetch <%s> may not be reliably used here because it needs '%s' which is not available here: expected a variable that 'tcp-request content set-var' has set", text, lacks)
	}
	t.addQuestions(questionOrigin{p, s.Pos, sampleFetch, "log-format expression", p.kind == "defaults"}, e.Questions())
	return nil
}

// setTCPLog reads "option tcplog [clf]", and "option httplog" in mode tcp.
func setTCPLog(t *translation, p *proxy, s statement) {
	if p.kind == "backend" {
		t.collect(s.Pos, "%s : '"+s.keyword+"' directive is ignored in backends.", p.String())
	}
	p.logging.tcplog, p.logging.format = true, lineFormat{}
	if s.arg(0) == "clf" && strings.HasSuffix(s.keyword, "tcplog") {
		p.logging.format = lineFormat{Pos: s.Pos, text: clfFormat, atEnd: true}
	}
}

// logOption returns the action of an option of the log that is on or off.
func logOption(field func(*logging) *bool) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) { *field(&p.logging) = !s.not }
}

// logStepNames maps HAProxy's steps to those here; the others have no line in mode tcp.
var logStepNames = map[string]string{"accept": "accepted", "connect": "connected", "close": "closed", "request": "", "response": ""}

// logStepList checks the argument of log-steps.
func logStepList(args []string) error {
	if len(args) != 1 {
		return errors.New(" expects a list of steps, such as accept,close, or all")
	}
	for step := range strings.SplitSeq(args[0], ",") {
		if _, known := logStepNames[step]; !known && step != "all" {
			return fmt.Errorf(": unknown log step '%s': expected accept, connect, request, response, close or all", step)
		}
	}
	return nil
}

func setLogSteps(_ *translation, p *proxy, s statement) {
	p.logging.steps = nil
	for _, step := range []string{"accept", "connect", "close"} {
		if slices.ContainsFunc(strings.Split(s.args[0], ","), func(word string) bool { return word == step || word == "all" }) {
			p.logging.steps = append(p.logging.steps, logStepNames[step])
		}
	}
}
