// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages load.
type asset struct {
	kind string // its content type
	body []byte
	hash string
}

// assets are the files by name. Addresses have the hash of the content, so that browsers may keep
// the content forever.
var assets = map[string]asset{
	"page.css": newAsset("page.css", "text/css; charset=utf-8"),
	"page.js":  newAsset("page.js", "text/javascript; charset=utf-8"),
}

func newAsset(name, kind string) asset {
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // embedded files do not fail
	}
	sum := sha256.Sum256(body)
	return asset{kind, body, hex.EncodeToString(sum[:8])}
}

// assetURL returns the address of an asset, relative to the page.
func assetURL(name string) string { return "page/" + name + "?v=" + assets[name].hash }

// serveAsset answers with an asset, and reports whether it exists.
func serveAsset(w http.ResponseWriter, r *http.Request, name string) bool {
	a, ok := assets[name]
	if !ok {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", `"`+a.hash+`"`)
	if r.URL.Query().Get("v") == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.body))
	return true
}
