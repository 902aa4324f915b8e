package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/go-jose/go-jose.v2"
	"gopkg.in/go-jose/go-jose.v2/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// issuerAudience is whom the issuer's tokens are for, as far as the API server is concerned.
const issuerAudience = "testbed"

// issuerKeyName names the key that signs the issuer's tokens, as a file of pki/.
const issuerKeyName = "oidc-issuer"

// startIssuer starts the OpenID Connect provider whose tokens the API server takes:
// its discovery document and its public key, and nobody who signs in. Tokens are
// made with its key, by the command token.
func (c *cluster) startIssuer() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the key of the OIDC issuer: %w", err)
	}
	if err := c.pki.writeKey(issuerKeyName, key); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(c.path("pki/serving.crt"), c.path("pki/serving.key"))
	if err != nil {
		return fmt.Errorf("reading the serving certificate: %w", err)
	}
	handler, err := issuerHandler(c.issuerURL(), key)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}},
		ReadHeaderTimeout: 5 * time.Second,
	}
	c.issuer = server
	listener := c.ports.take(portIssuer)
	go func() {
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			say("the OIDC issuer has ended: %v", err)
		}
	}()
	return nil
}

func (c *cluster) issuerURL() string { return "https://" + c.ports.address(portIssuer) }

// issuerHandler answers what a relying party asks.
func issuerHandler(url string, key *ecdsa.PrivateKey) (http.Handler, error) {
	const keys = "/keys"
	discovery := map[string]any{
		"issuer":                                url,
		"jwks_uri":                              url + keys,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
	}
	public := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
		Key: key.Public(), KeyID: issuerKeyName, Algorithm: string(jose.ES256), Use: "sig",
	}}}
	mux := http.NewServeMux()
	for path, document := range map[string]any{"/.well-known/openid-configuration": discovery, keys: public} {
		content, err := json.Marshal(document)
		if err != nil {
			return nil, fmt.Errorf("encoding %s of the OIDC issuer: %w", path, err)
		}
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(content)
		})
	}
	return mux, nil
}

// tokenOptions are the flags of the token command.
type tokenOptions struct {
	runDir   string
	user     string
	groups   []string
	audience string
	seconds  int
}

func parseTokenOptions(args []string) (tokenOptions, error) {
	var o tokenOptions
	flags := pflag.NewFlagSet("testbed token", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.StringVar(&o.user, "user", "", "whose token it is; the API server puts \"oidc:\" before the name")
	flags.StringSliceVar(&o.groups, "groups", nil, "the user's groups, separated by commas; the API server puts \"oidc:\" before each")
	flags.StringVar(&o.audience, "audience", issuerAudience, "whom it is for; the API server takes no other")
	flags.IntVar(&o.seconds, "seconds", 3600, "how long it is valid; a negative number makes a token that has expired so long ago")
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: testbed token RUN_DIR --user NAME [flags]\n\n%s", flags.FlagUsages())
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 1 || o.user == "" {
		flags.Usage()
		return o, errors.New("give one RUN_DIR, and --user")
	}
	o.runDir = flags.Arg(0)
	return o, nil
}

// tokenMain prints a token of the issuer of a running cluster.
func tokenMain() int {
	o, err := parseTokenOptions(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	} else if err != nil {
		say("%v", err)
		return 2
	}
	token, err := tokenOfRunDir(o)
	if err != nil {
		say("%v", err)
		return 1
	}
	fmt.Println(token)
	return 0
}

// tokenOfRunDir makes a token of the issuer of the cluster in RUN_DIR.
func tokenOfRunDir(o tokenOptions) (string, error) {
	content, err := os.ReadFile(filepath.Join(o.runDir, "ready"))
	if err != nil {
		return "", fmt.Errorf("no cluster is ready in RUN_DIR: %w", err)
	}
	var ready readyFile
	if err := json.Unmarshal(content, &ready); err != nil {
		return "", fmt.Errorf("reading the ready file: %w", err)
	}
	return signToken(filepath.Join(o.runDir, "pki"), ready.Issuer, o, time.Now())
}

// signToken makes a token with the issuer's key, which is in the folder pki.
func signToken(pki, issuer string, o tokenOptions, now time.Time) (string, error) {
	key, err := readKey(filepath.Join(pki, issuerKeyName+".key"))
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: issuerKeyName}}, nil)
	if err != nil {
		return "", fmt.Errorf("preparing to sign a token: %w", err)
	}
	expires := now.Add(time.Duration(o.seconds) * time.Second)
	issued := now
	if expires.Before(now) {
		issued = expires.Add(-time.Minute) // it was valid once
	}
	claims := jwt.Claims{
		Issuer:   issuer,
		Subject:  o.user,
		Audience: jwt.Audience{o.audience},
		IssuedAt: jwt.NewNumericDate(issued),
		Expiry:   jwt.NewNumericDate(expires),
	}
	token, err := jwt.Signed(signer).Claims(claims).Claims(map[string]any{"groups": o.groups}).CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

// issuerIsTrusted says whether the API server takes the issuer's tokens: it reads the
// issuer's documents beside its own start.
func (c *cluster) issuerIsTrusted(ctx context.Context) error {
	o := tokenOptions{user: supervisorUser, audience: issuerAudience, seconds: 60}
	token, err := signToken(c.path("pki"), c.issuerURL(), o, time.Now())
	if err != nil {
		return err
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	review, err = c.clients.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if !review.Status.Authenticated {
		return errors.New(review.Status.Error)
	}
	return nil
}

func readKey(path string) (any, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the OIDC issuer: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("there is no key in %s", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the key in %s: %w", path, err)
	}
	return key, nil
}
