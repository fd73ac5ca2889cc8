# Makes of deploy/nginx/nginx.conf what NGINX runs in its container: sed -f nginx.sed nginx.conf.
s|127\.0\.0\.1:8000 |*:8000 |
s|127\.0\.0\.1:50051 |processor:50051 resolve |
s|^worker_shutdown_timeout .*|worker_shutdown_timeout 10s;|
s|^pid .*|pid /tmp/nginx.pid;|
s|/var/log/nginx/error\.log|stderr|
s|/var/log/nginx/[a-z]*\.log|/dev/stdout|
# Docker's own DNS has one address for each processor.
s|^http {|&\n    resolver 127.0.0.11 valid=5s;\n    client_body_temp_path /tmp/body;\n    proxy_temp_path /tmp/proxy;\n    fastcgi_temp_path /tmp/fastcgi;\n    uwsgi_temp_path /tmp/uwsgi;\n    scgi_temp_path /tmp/scgi;|
# Its second listener is for processors that run with --proxy_protocol.
/^stream {/,$d
