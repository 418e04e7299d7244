// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Keys that are not sample expressions.
const (
	sessionID = "session_id"
	ja4       = "ja4"
)

// ruleKey finds what a client is known by.
type ruleKey struct {
	expression *sample.Expression // nil: one of the others
	template   string             // with placeholders
	word       string             // sessionID or ja4
	ofResponse bool
}

// compileKey compiles the text of a key.
func compileKey(l *sample.Loader, text string, ofResponse bool) (k ruleKey, err error) {
	k.ofResponse = ofResponse
	switch {
	case text == "":
		return k, errNoKey
	case text == sessionID || text == ja4 && !ofResponse:
		k.word = text
		return k, nil
	case strings.HasPrefix(text, "{"):
		k.template = text
		return k, options.ValidatePlaceholders(text)
	}
	if k.expression, err = l.Expression(text); err != nil {
		return k, err
	}
	return k, k.validate()
}

// validate reports a key that is never there when its rule is evaluated.
func (k *ruleKey) validate() error {
	switch needs := k.expression.Needs(); {
	case !k.ofResponse && needs&(sample.NeedsServer|sample.NeedsResponse) != 0:
		return errors.New("it needs the server, which is not known yet: expected it in store_response")
	case k.ofResponse && needs&sample.NeedsRequest != 0:
		return errors.New("it needs bytes of the client, which are no longer available: expected it in store_request")
	}
	return nil
}

// needs returns the data without which the key has no value.
func (k *ruleKey) needs() sample.Needs {
	switch {
	case k.expression != nil:
		return k.expression.Needs()
	case k.ofResponse && k.word != "":
		return sample.NeedsResponse
	default:
		return sample.NeedsRequest
	}
}

// value returns the key of a connection.
func (k *ruleKey) value(v *rules.View) (sample.Value, sample.Verdict) {
	switch {
	case k.expression != nil:
		return k.expression.Eval(&v.Input)
	case k.template != "":
		return found(sample.Text(v.Connection().Replacer().ReplaceAll(k.template, "")))
	case k.ofResponse:
		return serverSession(&v.Input)
	case v.Hello == nil || v.Hello.Hello() == nil:
		return sample.Value{}, sample.Fail
	case k.word == ja4:
		return found(sample.Text(v.Hello.JA4()))
	default:
		return found(sample.Binary(v.Hello.Hello().SessionID()))
	}
}

// found returns a key, unless it is empty.
func found(v sample.Value) (sample.Value, sample.Verdict) {
	if len(v.Bytes()) == 0 {
		return sample.Value{}, sample.Fail
	}
	return v, sample.Pass
}

// serverSession returns the session ID of a ServerHello, if a client may come back with it: that of
// TLS 1.3 only repeats what the client has made up.
func serverSession(in *sample.Input) (sample.Value, sample.Verdict) {
	hello, err := clienthello.ParseServerHello(in.Response)
	switch {
	case errors.Is(err, clienthello.ErrNeedMore) && !in.Final:
		return sample.Value{}, sample.Miss
	case err != nil || !hello.Resumable():
		return sample.Value{}, sample.Fail
	}
	return found(sample.Binary(hello.SessionID))
}
