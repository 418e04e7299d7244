// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

const (
	// maxForm is the maximum length of a form.
	maxForm = 1 << 20
	// maxTargets is the maximum number of objects that one form changes.
	maxTargets = 1000
)

// crossOrigin refuses forms of other sites, by Sec-Fetch-Site or Origin.
var crossOrigin = http.NewCrossOriginProtection()

// change changes the selected objects of a form, and leads back to the view. It changes each object
// that it can; an error answers with a page that names the others.
func (p *page) change(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	status, err := p.mayChange(r)
	if err != nil {
		p.fail(w, r, status, err.Error())
		return
	}
	c := p.changeOf(r)
	n, err := c.apply(r.PostForm["target"])
	if err != nil {
		if n > 0 {
			err = fmt.Errorf("%w; changed: %d", err, n)
		}
		p.fail(w, r, control.HTTPStatus(err), err.Error())
		return
	}
	http.Redirect(w, r, back(r.PostForm.Get("back"), c.action, n), http.StatusSeeOther) //nolint:gosec // it begins with ?
}

// mayChange parses the form of a request, and returns an error unless it may change something.
func (p *page) mayChange(r *http.Request) (status int, err error) {
	if !p.options.Control {
		return http.StatusForbidden, errors.New("this page only shows: expected allow_control in its configuration")
	}
	if err := crossOrigin.Check(r); err != nil {
		return http.StatusForbidden, fmt.Errorf("a form of another site: %w", err)
	}
	if err := r.ParseForm(); err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			return http.StatusRequestEntityTooLarge, fmt.Errorf("the form: expected %d bytes at most", maxForm)
		}
		return http.StatusBadRequest, fmt.Errorf("reading the form: %w", err)
	}
	if !isToken(r.PostForm.Get("token"), userOf(r), time.Now()) {
		return http.StatusForbidden, errors.New("the form is too old, or of another user: load the page again")
	}
	if n := len(r.PostForm["target"]); n == 0 || n > maxTargets {
		return http.StatusBadRequest, fmt.Errorf("%d selected rows: expected 1 to %d", n, maxTargets)
	}
	return 0, nil
}

// back returns the address of the view that a form was in, with a report of the change.
func back(query, action string, n int) string {
	values, _ := url.ParseQuery(query[min(len(query), 1):])
	q, err := statusview.ParseQuery(values)
	if err != nil {
		q = statusview.Query{}
	}
	return q.URL() + "&done=" + url.QueryEscape(action) + "&changed=" + strconv.Itoa(n)
}

// doneText returns the report of the change that led to this page, or "".
func doneText(query url.Values) string {
	n, err := strconv.Atoi(query.Get("changed"))
	label := statusview.ActionLabel(query.Get("done"))
	if err != nil || label == "" {
		return ""
	}
	return fmt.Sprintf("%s: changed %d.", label, n)
}

// originOf returns the origin of a change for logs and events: the page, the user and the address.
func originOf(r *http.Request) control.Origin {
	origin := string(control.ByPage)
	if user := userOf(r); user != "" {
		origin += fmt.Sprintf(", user %q", user)
	}
	return control.Origin(origin + ", from " + r.RemoteAddr)
}
