import socket

from django.http import HttpResponse

CONTAINER = socket.gethostname()


class HealthMiddleware:
    """Answers /healthz without touching the database: a hiccup there must not kill every task. Every other
    answer says which container gave it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = HttpResponse("ok") if request.path == "/healthz" else self.get_response(request)
        response["X-Container"] = CONTAINER
        return response
