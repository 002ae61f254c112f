"""scraper: shows its jobs to whoever has a token of main."""

from fastapi import Depends, FastAPI

from service import current_user, serve

app = FastAPI()


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.get("/api/jobs")
async def jobs(user: str = Depends(current_user)):
    return {"user": user, "jobs": []}


if __name__ == "__main__":
    serve(app)
