"""main: signs people in, renews their sessions, and gives other services their tokens."""

import os

from fastapi import Body, Depends, FastAPI, HTTPException

from service import USERS, current_user, known_subject, serve, tokens

ACCESS_SECONDS = int(os.environ.get("ACCESS_SECONDS", 900))
REFRESH_SECONDS = int(os.environ.get("REFRESH_SECONDS", 7 * 86400))
SERVICE_SECONDS = int(os.environ.get("SERVICE_SECONDS", 86400))

app = FastAPI()


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.post("/auth/login")
async def login(email: str = Body(embed=True)):
    """A real service checks a password here."""
    if email not in USERS:
        raise HTTPException(401, "wrong email or password")
    return {**access(email), "refresh_token": tokens.sign({"sub": email, "type": "refresh"}, REFRESH_SECONDS)}


@app.post("/auth/refresh")
async def refresh(refresh_token: str = Body(embed=True)):
    return access(known_subject(refresh_token, "refresh"))


@app.post("/auth/service-token")
async def service_token(name: str = Body(embed=True)):
    """A real service checks a client secret here."""
    if f"service:{name}" not in USERS:
        raise HTTPException(401, "unknown service")
    return {"access_token": tokens.sign({"sub": f"service:{name}"}, SERVICE_SECONDS)}


@app.get("/auth/me")
async def me(user: str = Depends(current_user)):
    return {"user": user}


def access(email):
    return {"access_token": tokens.sign({"sub": email, "roles": ["user"]}, ACCESS_SECONDS)}


if __name__ == "__main__":
    serve(app)
