// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// secret signs the tokens of this process.
var secret = rand.Text()

// day is the time after which tokens change. That of the day before is valid, too.
const day = 24 * time.Hour

// userOf returns the name of the user that Caddy has authenticated, or "".
func userOf(r *http.Request) string {
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	user, _ := replacer.GetString("http.auth.user.id")
	return user
}

// tokenFor returns the token with which the user of a request may change something. It is known to
// readers of the page alone.
func tokenFor(r *http.Request, now time.Time) string { return token(userOf(r), now) }

func token(user string, now time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(now.UTC().Truncate(day).Format(time.DateOnly) + " " + user))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// isToken reports whether a text is a valid token of the user.
func isToken(text, user string, now time.Time) bool {
	return hmac.Equal([]byte(text), []byte(token(user, now))) || hmac.Equal([]byte(text), []byte(token(user, now.Add(-day))))
}
