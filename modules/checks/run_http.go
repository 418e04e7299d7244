// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// answer is an answer over HTTP, whose body is still read.
type answer struct {
	sample.CheckAnswer
	status string // as it came, such as 200 OK
	body   io.Reader
}

var errBodyEnded = errors.New("the answer is over")

// read adds what has come to what there was, up to a limit.
func (r *run) read(from io.Reader, limit int) {
	buffer := make([]byte, 4096)
	n, err := from.Read(buffer[:min(len(buffer), limit-len(r.got))])
	r.got = append(r.got, buffer[:n]...)
	if len(r.got) == limit {
		err = errEnough
	}
	r.over = err
}

// receiveHTTP reads the head of the answer, and then more of its body.
func (r *run) receiveHTTP() *problem {
	if r.answer != nil {
		r.read(r.answer.body, maxBody)
		if errors.Is(r.over, io.EOF) {
			r.over = errBodyEnded
		}
		return nil
	}
	if r.request == nil {
		if r.read(r.link, maxHead); r.over == nil {
			return layer7.says("an answer without a request: got %s", quoted(r.got))
		}
		return nil
	}
	limit := &io.LimitedReader{R: r.link, N: maxHead}
	response, bad := readResponse(r.link, bufio.NewReader(limit), &http.Request{Method: r.request.Method}) //nolint:bodyclose // the connection ends with the check
	if bad != nil {
		return bad
	}
	limit.N = math.MaxInt64
	r.answer = &answer{
		CheckAnswer: sample.CheckAnswer{
			Status: response.StatusCode, Header: textproto.MIMEHeader(response.Header),
			Version: strconv.Itoa(response.ProtoMajor) + "." + strconv.Itoa(response.ProtoMinor),
		},
		status: response.Status, body: response.Body,
	}
	if len(response.TransferEncoding) > 0 {
		response.Header["Transfer-Encoding"] = response.TransferEncoding
	}
	if response.ContentLength == 0 {
		r.over = errBodyEnded
	}
	return nil
}

// judgeHTTP looks at an answer. One of 404 is for the end of the script to judge, if
// it means that the server drains.
func (r *run) judgeHTTP(e *Expect) (verdict, *problem) {
	if r.drains(r.answer.Status) {
		return passes, nil
	}
	in, code := r.input(), pool.Layer7Status
	var found bool
	var wrong string
	switch e.name {
	case "status":
		found = within(e.spans, r.answer.Status)
	case "status_matches":
		found = e.pattern.MatchString(strconv.Itoa(r.answer.Status))
	case "header":
		found, wrong = e.Header.found(in)
	default:
		return r.judgeBody(e, in)
	}
	switch {
	case wrong != "":
		return fails, layer7.says("%s", wrong)
	case found != e.Not:
		return passes, nil
	}
	return fails, r.unexpected(e, code, plain(r.answer.status))
}

// judgeBody is judgeHTTP for what is expected of the body.
func (r *run) judgeBody(e *Expect, in *sample.Input) (verdict, *problem) {
	if len(r.got) == 0 {
		if r.over == nil {
			return waits, nil
		}
		return fails, r.unexpected(e, pool.Layer7Response, plain(r.answer.status)+", without a body")
	}
	return r.judgeText(e, in, plain(r.answer.status)+": ")
}
