// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// ask asks all servers for a complete name, as often as Retries says.
func (c *Client) ask(ctx context.Context, name string, kind uint16) (answer, error) {
	if _, ok := dns.IsDomainName(name); !ok || len(c.Servers) == 0 {
		return answer{}, &net.DNSError{Err: "not a name of the DNS", Name: name, IsNotFound: true}
	}
	var last reply
	for range cmp.Or(c.Retries, DefaultRetries) {
		if last = c.attempt(ctx, name, kind); last.err == nil || isNotFound(last.err) || ctx.Err() != nil {
			break
		}
	}
	return last.answer, last.err
}

// reply is the answer of one server, or its failure.
type reply struct {
	answer answer
	err    error
}

// attempt asks all servers at once. It returns the first good answer, or the most certain failure.
func (c *Client) attempt(ctx context.Context, name string, kind uint16) reply {
	began := time.Now()
	ctx, cancel := context.WithDeadline(ctx, began.Add(cmp.Or(c.Timeout, DefaultTimeout)))
	defer cancel() // ends the questions to the other servers
	replies := make(chan reply, len(c.Servers))
	for _, s := range c.Servers {
		go func() {
			a, err := s.ask(ctx, name, kind, cmp.Or(c.PayloadSize, DefaultPayloadSize))
			if err == nil || !errors.Is(ctx.Err(), context.Canceled) { // another was faster
				s.counts.count(err)
			}
			replies <- reply{a, s.failure(name, err)}
		}()
	}
	worst := reply{err: errors.New("no server")}
	for range c.Servers {
		r := <-replies
		if r.err == nil {
			return r
		}
		if certainty(r.err) > certainty(worst.err) {
			worst = r
		}
	}
	if wait := time.Until(began.Add(minPause)); wait > 0 && !isNotFound(worst.err) {
		select { // a server that refuses at once is not asked again at once
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return worst
}

// minPause is the least time from one attempt to the next.
const minPause = 100 * time.Millisecond

// certainty orders failures: what one server knows for sure counts more than the silence of
// another.
func certainty(err error) int {
	d, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return 0
	case d.IsNotFound:
		return 4
	case errors.Is(err, resolve.ErrRefused):
		return 3
	case !d.IsTimeout:
		return 2
	}
	return 1
}

func isNotFound(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

// codeError is an answer without an answer.
type codeError int

func (e codeError) Error() string {
	if e == dns.RcodeSuccess {
		return "no such records"
	}
	return fmt.Sprintf("the server answered %s", cmp.Or(dns.RcodeToString[int(e)], fmt.Sprint(int(e))))
}

func (e codeError) notFound() bool { return e == dns.RcodeNameError || e == dns.RcodeSuccess }

// failure returns the error of a question as a *net.DNSError.
func (s *Server) failure(name string, err error) error {
	if err == nil {
		return nil
	}
	out := &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, Server: s.Address}
	code, answered := errors.AsType[codeError](err)
	var timeout net.Error
	switch {
	case answered && code.notFound():
		out.IsNotFound = true
	case answered && int(code) == dns.RcodeRefused:
		out.UnwrapErr = resolve.ErrRefused
	case !answered && errors.As(err, &timeout) && timeout.Timeout():
		out.IsTimeout = true
	case !answered:
		out.IsTemporary = true // it cannot be reached
	}
	return out
}
