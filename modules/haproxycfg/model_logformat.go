// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// logVariables are the aliases allowed in a log format.
var logVariables = strings.Fields("B H ID ST T Tc Td Th Ti Tl Tq TR Tr Ts Tt Tu Tw U ac b bc bi bp bq ci cp f fc fi fp ft hr hrl hs hsl lc ms o pid rc rt s sc si sp sq sslc sslv t ts tsc OG " +
	"CC CS Ta HM HP HPO HQ HU HV r tr trg trl")

// validateLogFormat reports the mistakes in a log format that HAProxy would report.
func validateLogFormat(t *translation, p *proxy, s statement) {
	for _, format := range s.args {
		if err := t.logFormat(p, s, format); err != nil {
			t.errorf(s.Pos, "failed to parse log-format : %v, in %s", err, p)
			return
		}
	}
}

func (t *translation) logFormat(p *proxy, s statement, format string) error {
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return nil
		}
		if strings.HasPrefix(rest, "%") {
			format = rest[1:]
			continue
		}
		if strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return errors.New("missing closing '}' of flags")
			}
			rest = rest[end+1:]
		}
		if strings.HasPrefix(rest, "[") {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return errors.New("missing closing ']' of an expression")
			}
			if err := t.logExpression(p, s, rest[1:end]); err != nil {
				return err
			}
			format = rest[end+1:]
			continue
		}
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))]
		if !slices.Contains(logVariables, name) {
			return fmt.Errorf("no such format variable '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'", name)
		}
		format = rest[len(name):]
	}
}

// logExpression validates an expression, unless it is unknown here. When a line is logged, the data
// from the client is no longer available.
func (t *translation) logExpression(p *proxy, s statement, text string) error {
	text, err := sample.RewriteFiles(text, t.absoluteFile)
	if err != nil {
		return err
	}
	e, err := t.loader.Expression(text)
	switch _, elsewhere := errors.AsType[*sample.Unsupported](err); {
	case elsewhere:
		return nil
	case err != nil:
		return err
	case e.NeedsRequest():
		return fmt.Errorf("sample fetch <%s> may not be reliably used here because it needs 'request buffer' which is not available here: expected a variable that 'tcp-request content set-var' has set", text)
	}
	t.addQuestions(questionOrigin{p, s.Pos, sampleFetch, "log-format expression", true}, e.Questions())
	return nil
}
